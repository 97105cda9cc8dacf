"""Makes qBittorrent's settings with a password, before its first start.

Without one, qBittorrent makes up another at each start and only writes it to its log. Settings that are there are
left as they are, so a password that was chosen in the app stays.
"""

import base64
import hashlib
import os
import pathlib

SETTINGS = pathlib.Path("/config/qBittorrent/qBittorrent.conf")
DEFAULTS = pathlib.Path("/defaults/qBittorrent.conf")


def hashed(password: str) -> str:
    """The password as qBittorrent keeps it: PBKDF2 with SHA-512 and 100,000 rounds."""
    salt = os.urandom(16)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 100_000)
    return f"{base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()}"


password = os.environ.get("QBITTORRENT_PASSWORD", "")
if password and not SETTINGS.exists():
    SETTINGS.parent.mkdir(parents=True, exist_ok=True)
    # The defaults of the image end with the section that these belong to.
    text = DEFAULTS.read_text().rstrip("\n")
    text += f'\nWebUI\\Username=admin\nWebUI\\Password_PBKDF2="@ByteArray({hashed(password)})"\n'
    # Whole or not at all, should it be stopped here.
    partial = SETTINGS.with_suffix(".partial")
    partial.write_text(text)
    partial.rename(SETTINGS)
