"""The small disk that a campaign's shop has its data on, and the ballast that fills it."""

import os
import shutil
import subprocess

MEBIBYTE = 1024 * 1024
# What an order may take on the disk, its messages at the broker, rows and write-ahead logs in it.
ORDER = 40 * 1024
# What a shop takes whatever it does: the broker's windows, and the reserve.
SHOP = 1536 * MEBIBYTE
# Ballast comes in pieces: while one big one is being made all others would be refused.
PIECE = 16 * MEBIBYTE


class Disk:
    """A file system in a file, or in memory where no loop device is to be had, or none at all."""

    def __init__(self, folder, orders):
        self.folder = folder
        self.place = os.path.join(folder, "disk")
        self.image = os.path.join(folder, "disk.image")
        self.kind = None
        self.why = ""
        os.mkdir(self.place)
        size = (SHOP + orders * ORDER) // MEBIBYTE
        for kind in ("ext4", "tmpfs"):
            why = self._mount(kind, size)
            if not why:
                self.kind = kind
                return
            self.why += f"{kind}: {why}; "

    def _mount(self, kind, size):
        """What was wrong, or nothing."""
        if kind == "tmpfs":
            return _run("mount", "-t", "tmpfs", "-o", f"size={size}m", "none", self.place)
        with open(self.image, "wb") as image:
            image.truncate(size * MEBIBYTE)
        why = _run("mkfs.ext4", "-q", "-m", "0", self.image)
        return why or _run("mount", "-o", "loop", self.image, self.place)

    @property
    def is_mounted(self):
        return self.kind is not None

    @property
    def ballast(self):
        return os.path.join(self.place, "ballast")

    def free(self):
        found = os.statvfs(self.place)
        return found.f_bavail * found.f_frsize

    def fill(self, left):
        """Takes room until so many bytes are left, or a little less."""
        with open(self.ballast, "ab") as file:
            size = os.fstat(file.fileno()).st_size
            while (room := self.free() - left) > 0:
                # A last piece may not fit any more: the next smaller one does.
                piece = min(PIECE, room)
                while piece >= 4096:
                    try:
                        os.posix_fallocate(file.fileno(), size, piece)
                        size += piece
                        break
                    except OSError:
                        piece //= 2
                else:
                    return

    def empty(self):
        if os.path.exists(self.ballast):
            os.unlink(self.ballast)

    def unmount(self):
        if self.is_mounted:
            _run("umount", "-l", self.place)
            self.kind = None

    def keep(self):
        """Leaves what is on the disk in the folder, where it outlives the disk."""
        if self.is_mounted:
            self.empty()
            kept = os.path.join(self.folder, "kept")
            shutil.copytree(self.place, kept, symlinks=True, ignore_dangling_symlinks=True)
            self.unmount()
            os.rmdir(self.place)
            os.rename(kept, self.place)
        if os.path.exists(self.image):
            os.unlink(self.image)


def _run(*command):
    """What was wrong, or nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = (done.stderr or done.stdout).strip().splitlines()
    return "" if done.returncode == 0 else (lines[-1] if lines else f"exit {done.returncode}")
