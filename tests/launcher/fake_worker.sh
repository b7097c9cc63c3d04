#!/bin/sh
# Stands in for resnext-worker in the launcher's tests. The first argument says how to behave.
rank=${OMPI_COMM_WORLD_RANK:-none}
case $1 in
  hello) echo "rank $rank of $OMPI_COMM_WORLD_SIZE: $*" ;;
  fail-on-1)
    if [ "$rank" = 1 ]; then
      echo "worker: error: shard 3 is torn" >&2
      exit 3
    fi
    sleep 20 ;;
  die-on-1)
    if [ "$rank" = 1 ]; then kill -KILL $$; fi
    sleep 20 ;;
  checkpoint)  # takes three seconds to stop; mpirun by itself would kill it after two
    stop() { sleep 3; echo "rank $rank wrote its checkpoint"; exit 0; }
    trap stop USR1
    echo "rank $rank runs"
    i=0
    while [ $i -lt 200 ]; do sleep 0.1; i=$((i + 1)); done ;;
  stubborn)
    trap '' USR1 TERM
    echo "rank $rank runs"
    i=0
    while [ $i -lt 200 ]; do sleep 0.1; i=$((i + 1)); done ;;
esac
