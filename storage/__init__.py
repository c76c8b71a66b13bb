"""Everything that touches bytes: DICOM files, storage areas, the index."""
