"""The index in MariaDB or MySQL."""
