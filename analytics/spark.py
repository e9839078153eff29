"""Tables of the warehouse as frames of Spark, which reads their Parquet files itself (extra `spark`).

    from analytics import spark
    lake = spark.tables(session, settings, tenant_id, ["call", "leg"])
    lake.frames["call"].groupBy("disposition").count().show()

The catalog says which files a snapshot has and where their deleted rows are; no credential is handed to Spark.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from analytics.spark_files import DataFile, listing
from ingest import tables as warehouse_tables
from pbx_core.errors import InputError
from pbx_core.settings import Settings


class Tenants(Enum):
    """Said in the place of a tenant's id by an operator who means everybody's rows."""

    ALL = "all"


ALL_TENANTS: Final = Tenants.ALL

_TYPES: dict[str, T.DataType] = {
    "VARCHAR": T.StringType(),
    "DOUBLE": T.DoubleType(),
    "BIGINT": T.LongType(),
    "INTEGER": T.IntegerType(),
    "BOOLEAN": T.BooleanType(),
    "TIMESTAMPTZ": T.TimestampType(),
}
_SINCE = "_ducklake_internal_snapshot_id"  # of a row in a file with rows of several snapshots: which one brought it
_DELETES = T.StructType(
    [
        T.StructField("file_path", T.StringType()),
        T.StructField("pos", T.LongType()),
        T.StructField(_SINCE, T.LongType()),
    ]
)
_PLACE = ["_file", "_row"]  # name of a file (unique) and place in it, from 0


@dataclass(frozen=True)
class Tables:
    """Frames by table, all as of one snapshot. They are read when something is asked of them."""

    snapshot: int
    frames: dict[str, DataFrame]


def tables(
    session: SparkSession,
    settings: Settings,
    tenant_id: str | Tenants,
    names: Sequence[str],
    snapshot: int | None = None,
) -> Tables:
    """The tenant's rows of these tables as of one snapshot (default: the newest). The errors are those of
    `spark_files.listing`, and InputError for an empty tenant_id."""
    if not tenant_id:
        raise InputError("Whose rows? Give the id of a tenant, or spark.ALL_TENANTS.")
    found = listing(settings, names, snapshot)
    schemas = {t.name: _schema(t) for t in warehouse_tables.FACTS}
    frames = {name: _frame(session, schemas[name], files, found.snapshot) for name, files in found.files.items()}
    if tenant_id is not ALL_TENANTS:
        frames = {name: frame.where(F.col("tenant_id") == F.lit(tenant_id)) for name, frame in frames.items()}
    return Tables(found.snapshot, frames)


def _schema(table: warehouse_tables.Table) -> T.StructType:
    return T.StructType([T.StructField(c.name, _TYPES[c.type]) for c in table.columns])


def _frame(session: SparkSession, schema: T.StructType, files: Sequence[DataFile], snapshot: int) -> DataFrame:
    """The rows of these files without those deleted. Only files with deleted rows are joined with them."""
    wide = T.StructType([*schema.fields, T.StructField(_SINCE, T.LongType())])
    parts = []
    if whole := [f.path for f in files if f.deletes is None]:
        parts.append(_read(session, wide, whole).where(_by(snapshot)).select(*schema.names))
    if holed := [f.path for f in files if f.deletes is not None]:
        rows = _read(session, wide, holed).where(_by(snapshot))
        placed = rows.select(
            *schema.names, F.col("_metadata.file_name").alias(_PLACE[0]), F.col("_metadata.row_index").alias(_PLACE[1])
        )
        gone = _read(session, _DELETES, [f.deletes for f in files if f.deletes is not None]).where(_by(snapshot))
        # by its own name, which is unique: Spark says paths in its own way
        name = F.element_at(F.split("file_path", "/"), -1)
        places = gone.select(name.alias(_PLACE[0]), F.col("pos").alias(_PLACE[1]))
        parts.append(placed.join(places, _PLACE, "left_anti").select(*schema.names))
    return reduce(DataFrame.union, parts) if parts else session.createDataFrame([], schema)


def _by(snapshot: int) -> Column:
    """What a snapshot already has: a file that was merged later, or deleted from again, says of each row since when."""
    return F.col(_SINCE).isNull() | (F.col(_SINCE) <= snapshot)


def _read(session: SparkSession, schema: T.StructType, paths: Sequence[str]) -> DataFrame:
    """A file that is gone or broken is an error, whatever the session's settings say."""
    strict = {"ignoreMissingFiles": "false", "ignoreCorruptFiles": "false"}
    return session.read.options(**strict).schema(schema).parquet(*[_uri(path) for path in paths])


def _uri(path: str) -> str:
    """As Hadoop writes it: s3a for S3; characters with a meaning in patterns stand for themselves."""
    escaped = re.sub(r"([\\{}\[\]*?])", r"\\\1", path)
    return re.sub("^s3://", "s3a://", escaped) if "://" in path else f"file:{escaped}"
