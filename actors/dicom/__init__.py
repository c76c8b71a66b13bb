"""The DICOM protocol (PS3.4, PS3.7, PS3.8): the archive as others reach it.

pynetdicom is used here and nowhere else. It speaks the upper layer and the messages; what is
answered is decided here, on the bytes of the data sets, which are never decoded to be stored.
"""
