#!/bin/sh
# Installs and starts a Slurm of one node on this machine, for tests marked `slurm`. Needs root and
# Debian or Ubuntu. No accounting: as on many small clusters, nobody remembers how a job ended.
# Starting takes seconds; calling it again does nothing when Slurm answers.
set -eu

if ! command -v slurmctld >/dev/null || ! command -v munged >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq slurmctld slurmd slurm-client munge >/dev/null
fi
if timeout 5 squeue --noheader >/dev/null 2>&1; then
  exit 0
fi

host=$(hostname -s)
state=${SLURM_TEST_STATE:-/var/lib/slurm-ict}
mkdir -p "$state/ctld" "$state/d" /etc/slurm /run/munge /var/log/munge /var/lib/munge
[ -e /etc/munge/munge.key ] || dd if=/dev/urandom of=/etc/munge/munge.key bs=1 count=1024 2>/dev/null
chown -R munge:munge /etc/munge /run/munge /var/log/munge /var/lib/munge
chmod 400 /etc/munge/munge.key
[ -e /dev/fakegpu0 ] || mknod /dev/fakegpu0 c 1 3
[ -e /dev/fakegpu1 ] || mknod /dev/fakegpu1 c 1 3

cat >/etc/slurm/slurm.conf <<CONF
ClusterName=ict
SlurmctldHost=$host
SlurmUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
GresTypes=gpu
StateSaveLocation=$state/ctld
SlurmdSpoolDir=$state/d
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd.log
KillWait=5
# A requeued job waits until its credential has expired: 5 s instead of 2 minutes.
AuthInfo=cred_expire=5
MinJobAge=10
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0
# One core counts as eight, so that arrays run side by side on the two cores of a small machine.
SlurmdParameters=config_overrides
NodeName=$host CPUs=8 Gres=gpu:2 State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
CONF
cat >/etc/slurm/gres.conf <<CONF
NodeName=$host Name=gpu File=/dev/fakegpu[0-1]
CONF
echo "CgroupPlugin=cgroup/v1" >/etc/slurm/cgroup.conf

pgrep -x munged >/dev/null || runuser -u munge -- munged
pgrep -x slurmctld >/dev/null || slurmctld
pgrep -x slurmd >/dev/null || slurmd

tries=0
until timeout 5 sinfo --noheader --format=%t 2>/dev/null | grep -q -E 'idle|mix|alloc'; do
  tries=$((tries + 1))
  if [ "$tries" -gt 60 ]; then
    echo "slurm did not start; see $state/slurmctld.log and $state/slurmd.log" >&2
    tail -n 20 "$state/slurmctld.log" "$state/slurmd.log" >&2 || true
    exit 1
  fi
  sleep 0.5
done
