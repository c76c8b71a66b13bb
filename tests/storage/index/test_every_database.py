import os

import pytest


def test_the_contract_is_played_on_every_database(make_engine, tmp_path):
    if os.environ.get("REPERTORY_TEST_DATABASES") != "all":
        pytest.skip("MariaDB and ODBC take minutes: REPERTORY_TEST_DATABASES=all plays them, too")
    engine = make_engine(tmp_path)
    engine.open()
    engine.close()
