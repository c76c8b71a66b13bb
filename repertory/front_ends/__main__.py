"""A front-end: started by the main process, never by hand."""

import sys

from repertory.front_ends.child import run

if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1])))
