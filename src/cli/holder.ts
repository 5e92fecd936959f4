import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import type { Holder } from '../store/store.ts';

/** This process as a lease holder. */
export function thisHolder(command: string): Holder {
  return { host: hostname(), pid: process.pid, startTime: startTimeOf('self') ?? '', user: userName(), command };
}

/**
 * Whether the process of a holder lives. False only where that is certain: the same boot of the same machine and the same
 * process namespace, and no such process there, a zombie, or a younger one with the same number.
 */
export function isAlive(holder: Holder): boolean | 'unknown' {
  if (holder.host !== hostname()) return 'unknown';
  const mine = startTimeOf('self');
  if (mine === undefined || placeOf(mine) !== placeOf(holder.startTime)) return 'unknown';
  return startTimeOf(String(holder.pid)) === holder.startTime;
}

/** `ticks@boot/namespace`: two processes are the same one only if all three are. Undefined where there is no such living process. */
function startTimeOf(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command name in parentheses may hold spaces and parentheses itself; the fields begin after the last one.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, ticks] = [fields[0] ?? '', fields[19] ?? ''];
    if (state === 'Z' || state === 'X') return undefined;
    return `${ticks}@${place()}`;
  } catch {
    return undefined;
  }
}

function place(): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
  return `${boot}/${readlinkSync('/proc/self/ns/pid').replace(/\D/g, '')}`;
}

function placeOf(startTime: string): string {
  return startTime.slice(startTime.indexOf('@') + 1);
}

/**
 * This machine and user. Images and containers share an ID, or lack it, and many hosts one name: what differs in either is another machine.
 */
export function thisMachine(): string {
  return JSON.stringify([machineId(), hostname(), process.getuid?.() ?? userName()]);
}

/** Made when a system is installed (machine-id(5)); '' where there is none, as on macOS and in many containers. */
function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Name of the account that this process runs as. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user ID without an entry in the password file, as in many containers.
    return String(process.getuid?.() ?? '');
  }
}
