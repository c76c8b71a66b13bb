"""The cast of an archive: which actors there are, and what each is given."""

import os
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from repertory.actors.archiving import ArchiverActor
from repertory.actors.base import RepertoryActor
from repertory.actors.crew import ThreadCrew
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.delivery import DeliveryActor
from repertory.actors.dicom.actor import DicomServerActor
from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.client_actor import DicomClientActor
from repertory.actors.dicom.options import StorageRules
from repertory.actors.dicom.rules import DicomRulesActor
from repertory.actors.filter_functions import FilterFunctions
from repertory.actors.filters import FiltersActor
from repertory.actors.housekeeper import HousekeeperActor
from repertory.actors.hybrid_router import HybridRouterActor, Side
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.inline import stand_beside
from repertory.actors.integrity import IntegrityActor
from repertory.actors.jobs import JOBS
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.lua.actor import LuaActor
from repertory.actors.messages.instances import AppendToUpload, StoreInstance
from repertory.actors.nodes import NodesActor
from repertory.actors.peers.actor import PeersActor
from repertory.actors.rest_api import FrontEnd, RestApiActor
from repertory.actors.stability_monitor import StabilityMonitorActor
from repertory.actors.storage import StorageActor
from repertory.actors.switchboard import Ref, Switchboard
from repertory.actors.targets.base import Target
from repertory.actors.tiering.actor import TieringActor
from repertory.actors.transcoding import TranscoderActor
from repertory.actors.trash import TrashActor
from repertory.actors.worklists import WorklistActor
from repertory.building import (
    duties_of,
    engine_of,
    file_options_of,
    finding_rules_of,
    housekeeping_of,
    index_folder,
    ingest_rules_of,
    lua_options_of,
    main_tags_of,
    store_policy_of,
    webhooks_of,
)
from repertory.building_brokers import brokers_of
from repertory.building_dicom import (
    calls_of,
    dicom_options_of,
    modalities_of,
    peers_of,
    storage_rules_of,
    worklists_of,
)
from repertory.conf.databases import index_readers_of
from repertory.conf.nodes import is_shared
from repertory.conf.settings import Settings
from repertory.conf.storages import storage_names
from repertory.housekeeping import configuration_text
from repertory.metering import metered_areas
from repertory.scripting import Scripts
from repertory.storage.backup.hold import HOLD_NAME, RemovalHold
from repertory.storage.encoding import TextEncoding
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.naming import NeighbouringNames
from repertory.stores import removals_together
from repertory.storing import far_reads_of, room_of, storages_of, threads_at
from repertory.subscribing import Subscriptions

BY_THE_CREW = frozenset({StoreInstance, AppendToUpload})
"""What the storage hands to its crew as it is."""

SCRIPT_THREADS = 4
"""Requests to other servers, and programs, that scripts may wait for at a time."""

FILTER_THREADS = 4
"""Functions of Python that may decide at a time what comes in."""


class Casting:
    """A part of ``Repertory``: starts its actors, each after those that it may wait for."""

    settings: Settings
    _book: ModalityBook
    _rules: StorageRules
    _encoding: TextEncoding
    _subscriptions: Subscriptions
    _filter_functions: FilterFunctions
    _scripts: Scripts
    _targets: tuple[Target, ...]

    if TYPE_CHECKING:

        def _put_on(
            self,
            board: Switchboard,
            actor: type[RepertoryActor],
            *,
            connected: bool = True,
            **parts: Any,
        ) -> Ref: ...
        def _inner_api(self, board: Switchboard) -> FrontEnd: ...

    def _start_cast(self, board: Switchboard) -> None:
        settings = self.settings
        main_tags = main_tags_of(settings)
        engine = engine_of(settings, main_tags)
        shared = is_shared(settings)
        node = self._name_node() if shared else ""
        policy = store_policy_of(settings)
        finding = finding_rules_of(settings, main_tags)
        self._put_on(
            board,
            IndexActor,
            engine=engine,
            policy=policy,
            read_only=settings.read_only,
            log_exports=settings.log_exported_resources,
            removes_at_once=not settings.delayed_deletion.enable,
            retention=settings.trash.retention_days * 86_400,
            configuration=configuration_text(housekeeping_of(settings, main_tags)),
            node=node,
            title=settings.name,
        )
        for _ in range(index_readers_of(settings)):
            self._put_on(board, IndexReaderActor, engine=engine, finding=finding)
        if shared:
            self._put_on(
                board,
                NodesActor,
                name=node,
                title=settings.name,
                wants=duties_of(settings),
                heartbeat=settings.nodes.heartbeat,
                lease=settings.nodes.lease,
            )
        if not settings.read_only:
            self._subscriptions.hold(board)
        self._put_on(
            board,
            TranscoderActor,
            crew=ThreadCrew(settings.transcoder_threads_count, name="transcoder"),
            quality=settings.dicom_lossy_transcoding_quality,
        )
        self._rules, self._encoding = storage_rules_of(settings), main_tags.encoding
        self._put_on(board, DicomRulesActor, rules=self._rules, encoding=self._encoding)
        self._start_storages(board, main_tags, node, index_is_near=engine.is_local)
        self._put_on(
            board,
            ArchiverActor,
            makers=ThreadCrew(settings.archive_threads, name="archiver"),
            compressors=ThreadCrew(settings.archive_threads, name="compressor"),
        )
        self._book = modalities_of(settings)
        self._put_on(
            board,
            DicomClientActor,
            book=self._book,
            options=calls_of(settings, self._rules, main_tags.encoding),
            crew=ThreadCrew(settings.dicom_scu_threads, name="dicom-client"),
            width=settings.dicom_scu_threads_per_modality,
            kept_queries=settings.query_retrieve_size,
            kept_commitments=settings.storage_commitment_reports_size,
            in_database=settings.dicom_modalities_in_database,
            shared=shared,
            main_tags=main_tags,
            functions=self._filter_functions,
        )
        self._put_on(board, WorklistActor, options=worklists_of(settings))
        self._put_on(board, PeersActor, **peers_of(settings), shared=shared)
        jobs: dict[str, Any] = {
            "types": JOBS,
            "concurrent": settings.concurrent_jobs or os.cpu_count() or 1,
            "history_size": settings.jobs_history_size,
            "keeps": settings.save_jobs,
            "read_only": settings.read_only,
            "shared": shared,
        }
        if settings.read_only:
            self._put_on(board, DeletionQueueActor, read_only=True)
            self._put_on(board, IntegrityActor, read_only=True)
            self._put_on(board, JobsActor, **jobs)
            self._put_on(board, DeliveryActor, read_only=True)
            self._start_scripts(board)
            self._start_dicom(board)
            return  # nobody works in the background: what waits, waits for a run that may write
        self._put_on(
            board,
            DeletionQueueActor,
            throttle=settings.delayed_deletion.throttle_delay_ms / 1000,
            hold=RemovalHold(index_folder(settings) / HOLD_NAME),
            at_once=not settings.delayed_deletion.enable,
            together=removals_together(settings),
            shared=shared,
        )
        self._put_on(board, TrashActor)
        self._put_on(board, StabilityMonitorActor, shortest_age=policy.stable_ages.shortest)
        self._put_on(board, IntegrityActor)
        self._put_on(board, JobsActor, **jobs)
        if settings.housekeeper.enable:
            self._put_on(
                board,
                HousekeeperActor,
                settings=settings.housekeeper,
                configuration=housekeeping_of(settings, main_tags),
                form=file_options_of(settings).compression,
                shared=shared,
            )
        if settings.tiering.enable:
            self._put_on(
                board,
                TieringActor,
                settings=settings.tiering,
                storages=storage_names(settings),
                room_of=partial(room_of, settings),
                pause=settings.advanced_storage.move_throttle_ms / 1000,
                shared=shared,
            )
        targets = (
            *webhooks_of(settings, board.clock),
            *brokers_of(settings, board.clock),
            *self._targets,
        )
        self._put_on(board, DeliveryActor, targets=targets, shared=shared)
        self._start_scripts(board)
        self._scripts.load()
        self._subscriptions.start(board, shared=shared)
        self._start_dicom(board)

    def _name_node(self) -> str:
        """The name of this process as a node; no other one has it."""
        return f"{secrets.token_hex(8)}.1"

    def _start_storages(
        self, board: Switchboard, main_tags: MainDicomTags, node: str, *, index_is_near: bool
    ) -> None:
        """Start an actor for each storage; where there are several, a router stands before them."""
        settings = self.settings
        storages = storages_of(settings, board, node=node)
        is_routed = len(storages.areas) > 1
        areas = metered_areas(board, storages.areas)
        sides: dict[int, Side] = {}
        for number, area in areas.items():
            ref = self._put_on(
                board,
                StorageActor,
                connected=not is_routed,
                area=area,
                crew=ThreadCrew(threads_at(settings, storages.names[number]), name="storage"),
                main_tags=main_tags,
                options=file_options_of(settings),
                store_dicom=settings.store_dicom,
                unpacking_limit=settings.maximum_request_body_size_mb << 20,
                ingest=ingest_rules_of(settings),
                location=number,
                others={other: it for other, it in areas.items() if other != number},
                new_name=NeighbouringNames(),
                index_is_near=index_is_near and not is_routed,
            )
            sides[number] = Side(storages.names[number], ref)
            if not is_routed and board.tracer is None:  # which follows messages between threads
                # All of it is the crew's, so whoever asks may as well wake it.
                stand_beside(board, ref, BY_THE_CREW)
        if is_routed:
            self._put_on(
                board,
                HybridRouterActor,
                sides=sides,
                writer=storages.writer,
                spares=storages.spares,
                width=settings.advanced_storage.moves_at_a_time,
                **far_reads_of(settings, storages.names),
            )

    def _start_scripts(self, board: Switchboard) -> None:
        self._put_on(board, RestApiActor, make_front_end=partial(self._inner_api, board))
        self._put_on(
            board,
            FiltersActor,
            functions=self._filter_functions,
            make_crew=partial(ThreadCrew, FILTER_THREADS, name="filters"),
        )
        if self.settings.is_scripted:
            crew = ThreadCrew(SCRIPT_THREADS, name="scripts")
            self._put_on(
                board,
                LuaActor,
                options=lua_options_of(self.settings),
                crew=crew,
                read_only=self.settings.read_only,
                shared=is_shared(self.settings),
            )

    def _start_dicom(self, board: Switchboard) -> None:
        if self.settings.dicom_server_enabled:
            options = dicom_options_of(self.settings, self._book, self._rules, self._encoding)
            self._put_on(board, DicomServerActor, options=options, functions=self._filter_functions)
