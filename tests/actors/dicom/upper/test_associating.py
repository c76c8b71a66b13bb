import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom import build_context, build_role
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
)

from repertory.actors.dicom.upper.associating import (
    Answered,
    AssociateAccept,
    AssociateRequest,
    Proposed,
    Roles,
    UserInformation,
    read_accept,
    read_request,
    write_accept,
    write_request,
)
from repertory.actors.dicom.upper.pdus import BadPdu

uids = st.lists(st.integers(0, 10**6), min_size=2, max_size=6).map(
    lambda parts: ".".join(map(str, ["1", "2", *parts]))
)
titles = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", min_size=1, max_size=16)
odd = st.integers(0, 127).map(lambda it: 2 * it + 1)
proposals = st.lists(
    st.builds(
        Proposed,
        number=odd,
        abstract_syntax=uids,
        transfer_syntaxes=st.lists(uids, min_size=1, max_size=4, unique=True).map(tuple),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda it: it.number,
).map(tuple)
users = st.builds(
    UserInformation,
    largest=st.integers(0, 0xFFFFFFFF),
    implementation_class=uids,
    implementation_version=titles,
    roles=st.dictionaries(
        uids, st.sampled_from([Roles(True, False), Roles(False, True), Roles(True, True)])
    ),
)
requests = st.builds(
    AssociateRequest, called=titles, calling=titles, contexts=proposals, user=users
)


def primitive(called, calling, user):
    found = A_ASSOCIATE()
    found.application_context_name = "1.2.840.10008.3.1.1.1"
    found.called_ae_title = called
    found.calling_ae_title = calling
    length = MaximumLengthNotification()
    length.maximum_length_received = user.largest
    uid = ImplementationClassUIDNotification()
    uid.implementation_class_uid = user.implementation_class
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = user.implementation_version
    roles = [build_role(name, scu_role=it.scu, scp_role=it.scp) for name, it in user.roles.items()]
    found.user_information = [length, uid, *roles, version]
    return found


def as_pynetdicom(request):
    found = primitive(request.called, request.calling, request.user)
    contexts = []
    for it in request.contexts:
        context = build_context(it.abstract_syntax, list(it.transfer_syntaxes))
        context.context_id = it.number
        contexts.append(context)
    found.presentation_context_definition_list = contexts
    return A_ASSOCIATE_RQ(found).encode()


def body(pdu):
    return memoryview(pdu)[6:]


@given(requests)
def test_a_request_is_written_as_pynetdicom_writes_it(request):
    assert write_request(request) == as_pynetdicom(request)


@given(requests)
def test_a_request_of_pynetdicom_is_read(request):
    assert read_request(body(as_pynetdicom(request))) == request


@given(requests, st.data())
def test_an_answer_is_read_by_pynetdicom_and_by_us(request, data):
    answers = tuple(
        Answered(it.number, data.draw(st.integers(0, 4)), it.transfer_syntaxes[0])
        for it in request.contexts
    )
    accept = AssociateAccept(request.called, request.calling, answers, request.user)

    whole = write_accept(accept)

    assert read_accept(body(whole)) == accept
    found = A_ASSOCIATE_AC()
    found.decode(whole)
    read = found.to_primitive()
    contexts = read.presentation_context_definition_results_list
    assert [(it.context_id, it.result) for it in contexts] == [
        (it.number, it.result) for it in answers
    ]
    assert found.user_information.maximum_length == request.user.largest
    assert found.user_information.implementation_class_uid == request.user.implementation_class


@given(requests, st.data())
def test_a_request_that_is_cut_off_is_refused_or_has_less_in_it(request, data):
    whole = body(write_request(request))
    end = data.draw(st.integers(0, len(whole) - 1))

    try:
        found = read_request(whole[:end])
    except BadPdu:
        return
    assert set(found.contexts) <= set(request.contexts)


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(content):
    for read in (read_request, read_accept):
        try:
            read(memoryview(bytes(68) + content))
        except BadPdu:
            continue


@pytest.mark.parametrize("number", [0, 2, 254])
def test_an_even_number_of_a_context_is_refused(number):
    request = AssociateRequest("A", "B", (Proposed(number, "1.2", ("1.3",)),), UserInformation())

    with pytest.raises(BadPdu):
        read_request(body(write_request(request)))
