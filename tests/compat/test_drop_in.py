import pytest

from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess

# What distributions ship as /etc/orthanc/orthanc.json, condensed: comments, options that this
# archive does not have, relative folders, all three forms of values.
CONFIGURATION = """
/**
 * This is the configuration file for Orthanc.
 **/
{
  // The logical name of this instance of Orthanc. This one is
  // displayed in Orthanc Explorer and at the URI "/system".
  "Name" : "${ORTHANC_NAME:-MyOrthanc}",

  "StorageDirectory" : "lib/db-v6",
  "IndexDirectory" : "lib/db-v6",
  "StorageCompression" : false,
  "MaximumStorageSize" : 0,
  "MaximumPatientCount" : 0,
  "MaximumStorageCacheSize" : 128,
  "LuaScripts" : [
    // "CallImageJ.lua"
  ],
  "Plugins" : [ "/usr/share/orthanc/plugins/" ],
  "ConcurrentJobs" : 2,
  "JobsEngineThreadsCount" : { "ResourceModification" : 1 /* for now */ },

  /** Configuration of the HTTP server **/
  "HttpServerEnabled" : true,
  "OrthancExplorerEnabled" : true,
  "HttpPort" : 0,
  "HttpDescribeErrors" : true,
  "HttpCompressionEnabled" : false,

  /** Configuration of the DICOM server **/
  "DicomServerEnabled" : false,
  "DicomAet" : "ORTHANC",
  "DicomCheckCalledAet" : false,
  "DicomPort" : 4242,
  "DefaultEncoding" : "Latin1",
  "AcceptedTransferSyntaxes" : [ "1.2.840.10008.1.*" ],
  "UnknownSopClassAccepted" : false,
  "DicomScpTimeout" : 30,

  /** Security-related options for the HTTP server **/
  "RemoteAccessAllowed" : false,
  "SslEnabled" : false,
  "SslCertificate" : "certificate.pem",
  "SslMinimumProtocolVersion" : 4,
  "AuthenticationEnabled" : false,
  "RegisteredUsers" : {
    // "alice" : "alicePassword"
  },

  /** Network topology **/
  "DicomModalities" : {
    // "sample" : [ "STORESCP", "127.0.0.1", 2000 ]
  },
  "OrthancPeers" : { },

  /** Advanced options **/
  "UserMetadata" : { /* "sample" : 1024 */ },
  "UserContentType" : { },
  "StableAge" : 60,
  "StrictAetComparison" : false,
  "StoreMD5ForAttachments" : true,
  "LimitFindResults" : 0,
  "HttpsVerifyPeers" : true,
  "KeepAlive" : true,
  "TcpNoDelay" : true,
  "HttpThreadsCount" : 50,
  "StoreDicom" : true,
  "SaveJobs" : true,
  "OverwriteInstances" : false,
  "MallocArenaMax" : 5,
  "DatabaseServerIdentifier" : "Orthanc1",
  "SyncStorageArea" : true
}
"""


@pytest.mark.parametrize(
    "words",
    [
        ["--verbose", "--no-jobs"],
        ["--trace", "--upgrade"],
        ["--verbose-http", "--trace-dicom", "--unlock-config"],
    ],
)
def test_it_starts_where_orthanc_did(tmp_path, words):
    with ServerProcess(tmp_path, arguments=words, configuration=CONFIGURATION) as server:
        system = server.get("/system").json
        assert system["Name"] == "MyOrthanc"
        answer = server.post("/instances", make_dicom())
        assert answer.status == 200
        assert (tmp_path / "lib" / "db-v6").is_dir()
        assert server.stop() == 0
