"""The store on this machine's disk: SQLite files in a folder, no server.

store     the seam: what a lane calls, on its loop
worker    the one thread that touches files; what waits is written in one commit
folder    slots: one process, one file; files of processes that died, and damaged ones
orphans   moving what a dead process left, and what can be read of a damaged file
spool     one file: batches and letters, as steps of a transaction
letters   the letters of one file
database  SQLite itself, and what its errors mean
texts     something else: a small dict in a file, of what processes tell each other
"""

from asyncsdk.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
