#!/bin/bash
exec "$(dirname "${BASH_SOURCE[0]}")/sweep.sh" figure5 "$@"
