"""The DICOM protocol (PS3.4, PS3.7, PS3.8): the archive as others reach it.

``upper`` speaks the upper layer and the messages, for those who are called and who call; what is
asked and answered is decided here, on the bytes of the data sets, which are never decoded to be
stored. pynetdicom is who speaks with it in the tests, and judges it.
"""
