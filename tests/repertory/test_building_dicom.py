"""What options become of which the parts of DICOM are made."""

from repertory.actors.dicom.book import ModalityBook
from repertory.building_dicom import calls_of, dicom_options_of, storage_rules_of
from repertory.conf.settings import Settings
from repertory.storage.encoding import TextEncoding


def server_options(**options):
    settings = Settings(**options)
    return dicom_options_of(settings, ModalityBook({}), storage_rules_of(settings), TextEncoding())


def call_options(**options):
    settings = Settings(**options)
    return calls_of(settings, storage_rules_of(settings), TextEncoding())


def test_the_turns_are_those_of_the_option():
    assert server_options().turns is None
    assert server_options(dicom_threads_count=3).turns == 3


def test_all_transfer_syntaxes_are_proposed_where_the_option_says_so():
    assert call_options().accepted_only
    assert not call_options(dicom_get_scu_proposes_accepted_transfer_syntaxes=False).accepted_only


def test_associations_are_kept_as_long_as_the_option_says():
    assert call_options().close_delay == 0
    assert call_options(dicom_association_close_delay=7).close_delay == 7
