"""Configuration: Orthanc's files and environment to frozen, typed settings."""
