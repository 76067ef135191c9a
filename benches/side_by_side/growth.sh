#!/bin/sh
# Measures how cost grows: benches/side_by_side/growth.sh [ROUNDS] [--seconds S]. See run.sh.
exec "$(dirname "$0")/run.sh" growth "$@"
