"""Run folders, their index and locks, studies, scores: the one place that knows a store's files."""

from ict.public.face import face, table

__getattr__, __dir__ = face(
    __name__,
    table("""
        ict.store.store: Store
        ict.store.run_folder: Run STATUSES TERMINAL check_id holder_process utc_now
        ict.store.run_result: RunResult
        ict.store.transitions: mark_cancelled
        ict.files: StoreError append_line atomic_write_bytes atomic_write_json read_json
        """),
)
