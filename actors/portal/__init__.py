"""Messages between the processes of one archive: what is asked here is answered there."""
