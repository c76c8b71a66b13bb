from repertory.testing.simulate import main


def test_hundreds_of_seeds_violate_no_invariant(capsys):
    # In processes of their own: one alone would take as long as half of all other tests.
    assert main(["--seeds", "200", "--first", "1000", "--jobs", "4"]) == 0
    assert "200 seeds in" in capsys.readouterr().out


def test_dozens_of_seeds_of_nodes_violate_no_invariant(capsys):
    assert main(["--seeds", "12", "--first", "1000", "--jobs", "4", "--nodes", "2"]) == 0
    assert "12 seeds in" in capsys.readouterr().out
