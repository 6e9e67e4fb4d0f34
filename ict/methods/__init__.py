"""Methods: what a run trains beside the head, one folder each. A folder imports no torch but in `tuning.py`."""

from ict.public.face import face, table

__getattr__, __dir__ = face(
    __name__,
    table("""
        ict.methods.method: Method
        ict.methods.registry: REGISTRY get_method methods outside
        ict.training.methods: prepare
        ict.model.split_qkv: SplitQKV
        """),
)
