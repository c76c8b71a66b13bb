import pytest
from pynetdicom import build_context
from pynetdicom.presentation import negotiate_as_acceptor

from repertory.actors.dicom.negotiation import Negotiator
from repertory.actors.dicom.options import StorageRules
from repertory.actors.dicom.upper.associating import Proposed, Roles

MR = "1.2.840.10008.5.1.4.1.1.4"
GET = "1.2.840.10008.5.1.4.1.2.2.3"
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
JPEG = "1.2.840.10008.1.2.4.50"


@pytest.mark.parametrize("stores", [True, False])
@pytest.mark.parametrize("scu", [True, False])
@pytest.mark.parametrize("scp", [True, False])
def test_roles_are_agreed_on_as_pynetdicom_does(stores, scu, scp):
    negotiator = Negotiator(StorageRules(), stores=stores)

    answers, contexts, roles = negotiator.answer(
        [Proposed(1, MR, (EXPLICIT,))], {MR: Roles(scu=scu, scp=scp)}
    )

    proposed = build_context(MR, EXPLICIT)
    proposed.context_id = 1
    supported = build_context(MR, EXPLICIT)
    supported.scu_role, supported.scp_role = stores, True
    known = [supported] if stores or scp else []
    (expected,), expected_roles = negotiate_as_acceptor([proposed], known, {MR: (scu, scp)})
    assert [it.result for it in answers] == [expected.result]
    if expected.result == 0:
        context = contexts[1]
        assert (context.as_scp, context.as_scu) == (expected.as_scp, expected.as_scu)
        assert {uid: (it.scu, it.scp) for uid, it in roles.items()} == {
            it.sop_class_uid: (it.scu_role, it.scp_role) for it in expected_roles
        }
    else:
        assert contexts == {}


def test_without_roles_the_proposer_sends():
    _, contexts, roles = Negotiator(StorageRules(), stores=True).answer(
        [Proposed(1, MR, (JPEG,)), Proposed(3, GET, (IMPLICIT,))], {}
    )

    assert [(it.as_scp, it.as_scu) for it in contexts.values()] == [(True, False)] * 2
    assert roles == {}


def test_each_context_has_a_syntax_of_its_own():
    answers, _, _ = Negotiator(StorageRules(), stores=True).answer(
        [
            Proposed(1, MR, (JPEG,)),
            Proposed(3, MR, ("1.2.3", IMPLICIT, JPEG)),
            Proposed(5, MR, ("1.2.3",)),
            Proposed(7, GET, (JPEG,)),
            Proposed(9, "1.2.3.4", (IMPLICIT,)),
        ],
        {},
    )

    assert [(it.result, it.transfer_syntax) for it in answers] == [
        (0, JPEG),
        (0, IMPLICIT),
        (4, "1.2.3"),
        (4, JPEG),
        (3, IMPLICIT),
    ]


def test_who_retrieves_is_sent_instances_as_most_are_stored():
    proposed = [Proposed(1, MR, (IMPLICIT, EXPLICIT)), Proposed(3, MR, (JPEG, IMPLICIT))]

    answers, _, _ = Negotiator(StorageRules(), stores=True).answer(
        proposed, {MR: Roles(scu=False, scp=True)}
    )

    assert [it.transfer_syntax for it in answers] == [EXPLICIT, JPEG]
