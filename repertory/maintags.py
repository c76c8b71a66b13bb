"""The names of the main DICOM tags: what the index keeps of a file, and answers show by name.

It imports nothing, so that whoever shapes an answer can name the tags of a resource without the
whole DICOM dictionary; ``storage.main_tags`` says which of them are kept at which level.
"""

NAMES: dict[str, str] = {
    "0008,0012": "InstanceCreationDate",
    "0008,0013": "InstanceCreationTime",
    "0008,0018": "SOPInstanceUID",
    "0008,0020": "StudyDate",
    "0008,0021": "SeriesDate",
    "0008,0030": "StudyTime",
    "0008,0031": "SeriesTime",
    "0008,0050": "AccessionNumber",
    "0008,0060": "Modality",
    "0008,0070": "Manufacturer",
    "0008,0080": "InstitutionName",
    "0008,0090": "ReferringPhysicianName",
    "0008,0201": "TimezoneOffsetFromUTC",
    "0008,1010": "StationName",
    "0008,1030": "StudyDescription",
    "0008,103e": "SeriesDescription",
    "0008,1070": "OperatorsName",
    "0010,0010": "PatientName",
    "0010,0020": "PatientID",
    "0010,0030": "PatientBirthDate",
    "0010,0040": "PatientSex",
    "0010,1000": "OtherPatientIDs",
    "0018,0010": "ContrastBolusAgent",
    "0018,0015": "BodyPartExamined",
    "0018,0024": "SequenceName",
    "0018,1030": "ProtocolName",
    "0018,1090": "CardiacNumberOfImages",
    "0018,1400": "AcquisitionDeviceProcessingDescription",
    "0020,000d": "StudyInstanceUID",
    "0020,000e": "SeriesInstanceUID",
    "0020,0010": "StudyID",
    "0020,0011": "SeriesNumber",
    "0020,0012": "AcquisitionNumber",
    "0020,0013": "InstanceNumber",
    "0020,0032": "ImagePositionPatient",
    "0020,0037": "ImageOrientationPatient",
    "0020,0100": "TemporalPositionIdentifier",
    "0020,0105": "NumberOfTemporalPositions",
    "0020,1002": "ImagesInAcquisition",
    "0020,4000": "ImageComments",
    "0028,0008": "NumberOfFrames",
    "0032,1032": "RequestingPhysician",
    "0032,1060": "RequestedProcedureDescription",
    "0040,0244": "PerformedProcedureStepStartDate",
    "0040,0245": "PerformedProcedureStepStartTime",
    "0040,0254": "PerformedProcedureStepDescription",
    "0040,0275": "RequestAttributesSequence",
    "0054,0081": "NumberOfSlices",
    "0054,0101": "NumberOfTimeSlices",
    "0054,1000": "SeriesType",
    "0054,1330": "ImageIndex",
}
"""Tag (``"gggg,eeee"``, lower-case hexadecimal) to its name (the keyword of PS3.6)."""

TAGS: dict[str, str] = {name: tag for tag, name in NAMES.items()}
"""Name to tag."""
