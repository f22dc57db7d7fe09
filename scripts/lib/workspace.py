# SPDX-License-Identifier: BSD-3-Clause
"""A temporary folder that is gone after its run; after a killed one the next run clears up."""
import fcntl
import os
import pathlib
import shutil
import tempfile

PREFIX = "linemix-demo-"


class Workspace:
    """A folder for one run. A lock, which ends with the process, tells that it is in use."""

    def __init__(self):
        self.clear_leftovers()
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=PREFIX))
        self.lock = os.open(self.path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    @staticmethod
    def clear_leftovers():
        for lock in pathlib.Path(tempfile.gettempdir()).glob(PREFIX + "*/lock"):
            try:
                file = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
            except OSError:
                continue  # another user's, or just gone
            try:
                if os.fstat(file).st_uid == os.getuid():
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(lock.parent, ignore_errors=True)
            except BlockingIOError:
                pass  # a run that goes on
            finally:
                os.close(file)

    def close(self):
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self.lock)
