"""A script for ``PythonScripts``; run as a program, it starts an archive that runs it."""

from pathlib import Path
from typing import Any

from pydicom.data import get_testdata_file

from repertory import Repertory, Settings, script
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.scripting import FilterInstance
from repertory.events import InstanceStored

if __name__ == "__main__":
    settings = Settings(
        storage_directory="archive", http_server_enabled=False, python_scripts=[__file__]
    )
    with Repertory(settings) as archive:
        content = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
        archive.ask(StoreInstance(content=content))
else:

    @script.on(InstanceStored)
    def label(event: InstanceStored) -> None:
        """Label the studies of one modality."""
        series = script.get(f"/series/{event.series}")
        if series["MainDicomTags"]["Modality"] == "CT":
            script.call("PUT", f"/studies/{event.study}/labels/ct")
        print(script.get(f"/studies/{event.study}/labels"))

    @script.filter("ReceivedInstanceFilter")
    def for_research(asked: FilterInstance) -> bool:
        """Take nothing whose patient has not been given a pseudonym."""
        return not asked.tags["PatientID"].startswith("HOSPITAL-")

    @script.filter("IncomingFindRequestFilter")
    def tidy(query: dict[str, Any], origin: dict[str, str]) -> dict[str, Any]:
        """One workstation asks for a private key that nothing here has."""
        if origin["RemoteAet"] == "OLDSTATION":
            query.pop("0009,1001", None)
        return query
