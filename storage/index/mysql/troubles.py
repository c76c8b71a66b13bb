"""What the errors of MariaDB and MySQL mean."""

from repertory.storage.index.server.session import Trouble

TROUBLES = {
    1020: Trouble.CONFLICT,
    1021: Trouble.FULL,
    1040: Trouble.BUSY,
    1044: Trouble.NO_DATABASE,
    1045: Trouble.LOGIN,
    1049: Trouble.NO_DATABASE,
    1053: Trouble.LOST,
    1114: Trouble.FULL,
    1142: Trouble.NO_DATABASE,
    1152: Trouble.LOST,
    1184: Trouble.LOST,
    1203: Trouble.BUSY,
    1205: Trouble.BUSY,
    1213: Trouble.CONFLICT,
    1290: Trouble.READ_ONLY,
    1317: Trouble.BUSY,
    1698: Trouble.LOGIN,
    1792: Trouble.READ_ONLY,
    1836: Trouble.READ_ONLY,
    1927: Trouble.LOST,
}
"""By the number of the error; those from 2000 on are the client's own: the connection is lost."""
