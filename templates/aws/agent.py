#!/usr/bin/env python3
"""What an instance of a spin does by itself: brings its service up once, and says on the console how that went.

agent boot      volumes, secrets, bootstrap steps, then the service
agent run       becomes the service (ExecStart)
agent hook      the drain hook, when the service is asked to stop (ExecStop)
agent ended     says how the service ended (ExecStopPost)
agent given-up  says that it is not started again (OnFailure)
agent health    runs the health command, for a check that can be made only here
agent exec C    becomes the command C (JSON in base64), in the surroundings of the service
agent exec C masked
                runs it, with stars for secrets in what it prints: what Systems Manager was shown it keeps for 30 days
agent logs Q    prints a part of the service's journal, for the question Q (JSON in base64), with stars for secrets

Needs Python 3.6 and systemd, which every image with cloud-init has, and nothing else.
"""
import base64, gzip, hashlib, hmac, json, os, select, signal, subprocess, sys, time, urllib.error, urllib.parse, urllib.request

PLACE = os.environ.get
ETC = PLACE('SPIN_ETC', '/etc/spin')
RUN = PLACE('SPIN_RUN', '/run/spin')
LIB = PLACE('SPIN_LIB', '/var/lib/spin')
DEV = PLACE('SPIN_DEV', '/dev')
CONSOLE = PLACE('SPIN_CONSOLE', '/dev/console')
IMDS = PLACE('SPIN_IMDS', 'http://169.254.169.254')
SYSTEMCTL = PLACE('SPIN_SYSTEMCTL', 'systemctl')
KEPT_LINES = 20


class Failed(Exception):
    def __init__(self, step, kind, message, code=None, lines=(), began=None):
        super().__init__(message)
        self.step, self.kind, self.code, self.lines, self.began = step, kind, code, list(lines), began


def read(path):
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def write(path, value):
    part = path + '.part'
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8') as file:
        json.dump(value, file)
    os.replace(part, path)


def facts():
    return read(ETC + '/spin.json')


def kept(name):
    try:
        return read('%s/%s.json' % (RUN, name))
    except (OSError, ValueError):
        return {}


def say(step, ok, began=None, **more):
    """One line on the console, by which spin tells what failed. ASCII, and short enough for a serial line."""
    spin = facts()
    line = {'v': 1, 'spin': spin['spin'], 'trace': spin['trace'], 'instance': kept('instance').get('name', spin['key']),
            'step': step, 'ok': ok, 'at': int(time.time() * 1000)}
    if began is not None:
        line['ms'] = int((time.time() - began) * 1000)
    line.update((name, value) for name, value in more.items() if value not in (None, [], ''))
    text = 'spin: ' + json.dumps(line, separators=(',', ':')) + '\n'
    print(text, end='', flush=True)
    try:
        with open(CONSOLE, 'a') as console:
            console.write('\n' + text)
    except OSError as why:
        print('the console cannot be written: %s' % why, flush=True)


# Metadata

def imds(path, missing=None):
    """Text of the metadata service (version 2), or `missing` where it has no such thing."""
    last = None
    for pause in (0, 1, 2, 4, 8):
        time.sleep(pause)
        try:
            ask = urllib.request.Request(IMDS + '/latest/api/token', method='PUT', headers={'X-aws-ec2-metadata-token-ttl-seconds': '60'})
            token = urllib.request.urlopen(ask, timeout=2).read().decode()
            ask = urllib.request.Request(IMDS + '/latest/' + path, headers={'X-aws-ec2-metadata-token': token})
            return urllib.request.urlopen(ask, timeout=2).read().decode()
        except urllib.error.HTTPError as why:
            if why.code == 404 and missing is not None:
                return missing
            last = why
        except OSError as why:
            last = why
    raise Failed('boot', 'metadata-unreachable', 'the metadata service does not answer %s: %s' % (path, last))


# Secrets

def fetch_secrets(spin):
    """Values by parameter name, from SSM, under the role of the instance. They never touch a disk."""
    names = [use['parameter'] for use in spin['secrets']]
    began, why = time.time(), ''
    while names:
        try:
            values = {}
            for part in (names[i:i + 10] for i in range(0, len(names), 10)):
                answer = ssm(spin, 'GetParameters', {'Names': part, 'WithDecryption': True})
                values.update((found['Name'], found['Value']) for found in answer['Parameters'])
            lacking = [name for name in names if name not in values]
            if not lacking:
                return values
            why = 'there is no parameter ' + lacking[0]
        except urllib.error.HTTPError as refused:
            why = '%s %s' % (refused.code, refused.read().decode(errors='replace')[:300])
        except (OSError, ValueError, KeyError) as failure:
            why = repr(failure)
        # A role that was made a moment ago may not be known everywhere yet.
        if time.time() - began > spin['patience']:
            raise Failed('secrets', 'secret-unresolved', 'the secrets cannot be read: ' + why, began=began)
        time.sleep(2)
    return {}


def ssm(spin, action, body):
    role = imds('meta-data/iam/security-credentials/', missing='').strip().split('\n')[0]
    if not role:
        raise OSError('the instance has no role')
    keys = json.loads(imds('meta-data/iam/security-credentials/' + role))
    url = PLACE('SPIN_SSM', spin['ssm'])
    host = url.split('://')[1].rstrip('/')
    data = json.dumps(body).encode()
    headers = sign(keys, spin['region'], host, 'AmazonSSM.' + action, data, time.strftime('%Y%m%dT%H%M%SZ', time.gmtime()))
    return json.loads(urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10).read())


def sign(keys, region, host, target, data, now):
    """Signature version 4: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    def mac(key, text):
        return hmac.new(key, text.encode(), hashlib.sha256).digest()
    headers = {'content-type': 'application/x-amz-json-1.1', 'host': host, 'x-amz-date': now,
               'x-amz-security-token': keys['Token'], 'x-amz-target': target}
    signed = ';'.join(sorted(headers))
    lines = ''.join('%s:%s\n' % (name, headers[name]) for name in sorted(headers))
    request = 'POST\n/\n\n%s\n%s\n%s' % (lines, signed, hashlib.sha256(data).hexdigest())
    scope = '%s/%s/ssm/aws4_request' % (now[:8], region)
    text = 'AWS4-HMAC-SHA256\n%s\n%s\n%s' % (now, scope, hashlib.sha256(request.encode()).hexdigest())
    key = mac(mac(mac(mac(('AWS4' + keys['SecretAccessKey']).encode(), now[:8]), region), 'ssm'), 'aws4_request')
    headers['authorization'] = 'AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s' % (
        keys['AccessKeyId'], scope, signed, hmac.new(key, text.encode(), hashlib.sha256).hexdigest())
    return headers


# Volumes

def mount(spin, volume):
    step, began = 'volume/' + volume['volume'], time.time()
    # Nitro machines show a disk as NVMe, by its ID; older ones under the name that it was attached as.
    names = ['%s/disk/by-id/nvme-Amazon_Elastic_Block_Store_%s' % (DEV, volume['id'].replace('-', '')),
             DEV + volume['device'][len('/dev'):], DEV + volume['device'][len('/dev'):].replace('/sd', '/xvd')]
    while True:
        device = next((name for name in names if os.path.exists(name)), None)
        if device:
            break
        if time.time() - began > spin['patience']:
            raise Failed(step, 'volume-missing', '%s was not attached in time' % volume['id'], began=began)
        time.sleep(1)
    folder = '%s/volumes/%s' % (LIB, volume['volume'])
    os.makedirs(folder, exist_ok=True)
    if not os.path.ismount(folder):
        blank = subprocess.run(['blkid', '-p', device], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 2
        for command in ([['mkfs.ext4', '-q', device]] if blank else []) + [['mount', device, folder]]:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode != 0:
                raise Failed(step, 'volume-unreadable', '%s failed on %s' % (command[0], device), done.returncode,
                             tail(done.stdout, []), began)
    say(step, True, began)


# Commands

def environment(spin, name, values):
    """As the local provider gives it: spin's facts, volumes, the spec's variables, secrets, and last what nothing may override."""
    env = {'PATH': os.environ.get('PATH') or '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LANG': 'C.UTF-8'}
    env.update(SPIN_ID=spin['spin'], SPIN_SERVICE=spin['service'], SPIN_INSTANCE=name, SPIN_INSTANCE_DIR=LIB + '/scratch', TMPDIR=LIB + '/scratch')
    for volume in spin['volumes']:
        env[volume['variable']] = '%s/volumes/%s' % (LIB, volume['volume'])
    env.update(spin['env'])
    for use in spin['secrets']:
        value = values[use['parameter']]
        if use['as'] == 'file':
            path = '%s/secret-%s' % (RUN, use['variable'])
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8') as file:
                file.write(value)
            value = path
        env[use['variable']] = value
    if spin.get('port'):
        env['PORT'] = str(spin['port'])
    return env


def argv(command):
    return ['/bin/sh', '-c', command] if isinstance(command, str) else command


class Mask:
    """Puts stars for secrets, as they are, line by line, and as JSON and URLs escape them; the same rules as on the user's machine."""

    def __init__(self, secrets):
        forms = set()
        for value in secrets:
            lines = [line for line in value.splitlines() if len(line) >= 8]
            for part in [value] + lines if len(value) >= 4 else []:
                forms.update((part, json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1],
                              urllib.parse.quote(part, "!'()*"), urllib.parse.quote_plus(part, '*')))
        self.forms = [form.encode('utf-8', 'replace') for form in forms]
        self.open = max([len(form) for form in self.forms] or [1]) - 1

    def spans(self, data):
        found, merged = [], []
        for form in self.forms:
            at = data.find(form)
            while at >= 0:
                found.append((at, at + len(form)))
                at = data.find(form, at + 1)
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def over(self, data):
        shown, at = [], 0
        for start, end in self.spans(data):
            shown += [data[at:start], b'***']
            at = end
        return b''.join(shown + [data[at:]])

    def whole(self, data):
        """How much of what came until now no secret can still run out of."""
        cut = max(0, len(data) - self.open)
        return next((start for start, end in self.spans(data) if start < cut < end), cut)


def tail(output, secrets):
    text = Mask(secrets).over(output).decode('utf-8', 'replace')
    return [line[:300] for line in text.splitlines()[-KEPT_LINES:]]


def command(step, what, run, timeout_ms, spin, given):
    """Runs one command to its end, in a group that is ended with it."""
    began = time.time()
    log = '%s/%s.log' % (RUN, step.replace('/', '-').replace('\0', ''))
    with open(log, 'wb') as out:
        try:
            child = subprocess.Popen(argv(run), cwd=spin['dir'], env=given['env'], stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=subprocess.STDOUT, start_new_session=True)
        except OSError as why:
            raise Failed(step, 'missing-command', '%s cannot be run: %s' % (what, why), began=began)
        try:
            code = child.wait(timeout_ms / 1000)
        except subprocess.TimeoutExpired:
            code = None
        for strength in (signal.SIGTERM, signal.SIGKILL) if code is None else ():
            try:
                os.killpg(child.pid, strength)
                child.wait(1)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
    with open(log, 'rb') as out:
        printed = out.read()
    sys.stdout.flush()
    sys.stdout.buffer.write(printed)
    sys.stdout.flush()
    lines = tail(printed, given['secrets'])
    if code is None:
        raise Failed(step, 'timeout', '%s took longer than %d ms' % (what, timeout_ms), None, lines, began)
    kind, message = ending(code)
    if kind:
        raise Failed(step, kind, '%s %s' % (what, message), code, lines, began)
    return began


def ending(code):
    if code == 0:
        return None, 'ended with exit code 0'
    if code in (126, 127):
        return 'missing-command', 'names a command that does not exist or cannot be executed (exit code %d)' % code
    if code < 0:
        return 'killed', 'was ended by signal %d' % -code
    return 'exit-nonzero', 'ended with exit code %d' % code


# Verbs

def boot():
    os.makedirs(RUN, mode=0o700, exist_ok=True)
    os.makedirs(LIB + '/scratch', mode=0o700, exist_ok=True)
    spin = facts()
    os.makedirs(spin['dir'], exist_ok=True)
    began = time.time()
    name = '%s.%d' % (spin['key'], spin['ordinals'][int(imds('meta-data/ami-launch-index'))])
    write(RUN + '/instance.json', {'name': name})
    say('boot', True, began)
    for volume in spin['volumes']:
        mount(spin, volume)
    began = time.time()
    values = fetch_secrets(spin)
    if values:
        say('secrets', True, began)
    given = {'env': environment(spin, name, values), 'secrets': list(values.values())}
    write(RUN + '/given.json', given)
    done = LIB + '/bootstrapped'
    for step in spin['bootstrap'] if not os.path.exists(done) else []:
        label = 'bootstrap/' + step['name']
        began = command(label, 'bootstrap step ' + step['name'], step['run'], step['timeoutMs'], spin, given)
        say(label, True, began)
    open(done, 'w').close()
    began = time.time()
    subprocess.run([SYSTEMCTL, 'start', '--no-block', spin['unit']], check=True)
    say('start', True, began)
    if spin.get('health'):
        subprocess.run([SYSTEMCTL, 'start', '--no-block', 'spin-health.service'], check=True)


def run():
    spin, given = facts(), kept('given')
    os.chdir(spin['dir'])
    program = argv(spin['run'])
    try:
        os.execvpe(program[0], program, given['env'])
    except OSError as why:
        print('%s cannot be run: %s' % (program[0], why), file=sys.stderr, flush=True)
        sys.exit(127)


def hook():
    # Also called after the service ended by itself, and then there is nothing to drain.
    if not PLACE('MAINPID'):
        return
    open(RUN + '/stopping', 'w').close()
    spin = facts()
    if spin['drain'].get('hook'):
        drain = spin['drain']['hook']
        command('hook', 'the drain hook', drain['run'], drain['timeoutMs'], spin, kept('given'))


def ended():
    spin, stopping = facts(), os.path.exists(RUN + '/stopping')
    how, status = PLACE('EXIT_CODE', ''), PLACE('EXIT_STATUS', '')
    code = int(status) if how == 'exited' and status.isdigit() else None
    message = 'ended with exit code %d' % code if how == 'exited' and code is not None else 'was ended by %s' % (status or how or 'systemd')
    kind = ending(code)[0] if code is not None else 'killed'
    write(RUN + '/exit.json', {'class': kind or 'exited', 'message': message, 'code': code})
    if stopping:
        os.remove(RUN + '/stopping')
        return
    say('exit', code == 0, message='the service ' + message, code=code, **({'class': kind} if kind else {}))
    # systemd takes exit code 0 for success, and starts nothing again where only failures are.
    if code == 0 and not spin['job'] and spin['restart'] != 'always':
        given_up()


def given_up():
    spin, last = facts(), kept('exit')
    kind = last.get('class', 'killed')
    again = spin['restart'] != 'never' and kind not in ('missing-command', 'exited')
    lines = subprocess.run(['journalctl', '-u', spin['unit'], '-n', str(KEPT_LINES), '-o', 'cat', '--no-pager'],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    say('given-up', False, message='the service %s%s' % (last.get('message', 'ended'), ', too often' if again else ''), code=last.get('code'),
        lastLines=tail(lines, kept('given').get('secrets', [])), **{'class': 'crash-loop' if again else kind})


def health():
    """Says when the verdict changes, and again now and then, because a console holds only its last lines."""
    spin, given = facts(), kept('given')
    check, passes, failures, verdict, told = spin['health'], 0, 0, None, 0
    while True:
        try:
            command('health', 'the health command', check['run'], check['timeoutMs'], spin, given)
            passes, failures, why = passes + 1, 0, ''
        except Failed as failed:
            passes, failures, why = 0, failures + 1, str(failed)
        now = True if passes >= check['healthyAfter'] else False if failures >= check['unhealthyAfter'] or verdict is None else verdict
        if now != verdict or time.time() - told > 300:
            say('health', now, message='' if now else why)
            verdict, told = now, time.time()
        time.sleep(check['intervalMs'] / 1000)


def given_json():
    return json.loads(base64.b64decode(sys.argv[2]))


def exec_():
    spin, given = facts(), kept('given')
    os.chdir(spin['dir'])
    program = argv(given_json())
    try:
        if sys.argv[3:] == ['masked']:
            sys.exit(masked(program, given))
        os.execvpe(program[0], program, given['env'])
    except OSError as why:
        print('%s cannot be run: %s' % (program[0], why), file=sys.stderr, flush=True)
        sys.exit(127)


def masked(program, given):
    """Runs a program with stars for secrets in what it prints. Returns its exit code as a shell tells it."""
    # Where nobody reads any more both end without a word, as any command does.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    child = subprocess.Popen(program, env=given['env'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    mask, outs, kept_back = Mask(given['secrets']), {child.stdout: sys.stdout.buffer, child.stderr: sys.stderr.buffer}, {}
    pipes = list(outs)
    while pipes:
        # Asked before looking: what it wrote is there by then. What a command leaves behind it may hold its output for ever.
        ended = child.poll() is not None
        ready = select.select(pipes, [], [], 0.2)[0]
        if ended and not ready:
            break
        for pipe in ready:
            part = os.read(pipe.fileno(), 65536)
            if not part:
                pipes.remove(pipe)
            data = kept_back.get(pipe, b'') + part
            cut = mask.whole(data)
            outs[pipe].write(mask.over(data[:cut]))
            outs[pipe].flush()
            kept_back[pipe] = data[cut:]
    for pipe, data in kept_back.items():
        outs[pipe].write(mask.over(data))
        outs[pipe].flush()
    code = child.wait()
    return code if code >= 0 else 128 - code


def logs():
    """As many lines as fit into one answer of Systems Manager when compressed, and where to go on."""
    asked = given_json()
    ask = ['journalctl', '-u', facts()['unit'], '-o', 'json', '--no-pager', '-q']
    if asked.get('cursor'):
        ask += ['--after-cursor', asked['cursor']]
    elif asked.get('since') is not None:
        ask += ['--since', '@%.3f' % (asked['since'] / 1000)]
    if asked.get('tail') is not None and not asked.get('cursor'):
        ask += ['-n', str(asked['tail'])]
    lines, cursor, size, more, mask = [], asked.get('cursor'), 0, False, Mask(kept('given').get('secrets', []))
    with subprocess.Popen(ask, stdout=subprocess.PIPE) as journal:
        for row in journal.stdout:
            entry = json.loads(row)
            text = entry.get('MESSAGE') or ''
            text = mask.over(text.encode('utf-8', 'replace') if isinstance(text, str) else bytes(text)).decode('utf-8', 'replace')
            if size + len(text) > 16000 and lines:
                more = True
                journal.kill()
                break
            size += len(text) + 20
            cursor = entry['__CURSOR']
            lines.append([int(entry['__REALTIME_TIMESTAMP']) // 1000, text[:16000]])
    print(base64.b64encode(gzip.compress(json.dumps({'lines': lines, 'cursor': cursor, 'more': more}).encode())).decode())


VERBS = {'exec': exec_, 'logs': logs, 'boot': boot, 'run': run, 'hook': hook, 'ended': ended, 'given-up': given_up, 'health': health}

if __name__ == '__main__':
    try:
        VERBS[sys.argv[1]]()
    except Failed as failed:
        say(failed.step, False, failed.began, message=str(failed), code=failed.code, lastLines=failed.lines, **{'class': failed.kind})
        if sys.argv[1] == 'boot':
            # What did not come up costs nothing further: shutting down terminates it. The console stays readable for an hour.
            subprocess.run([SYSTEMCTL, 'poweroff'])
        sys.exit(1)
    except Exception as why:
        if sys.argv[1] != 'boot':
            raise
        say('boot', False, message='the agent failed: %r' % why, **{'class': 'agent-failed'})
        subprocess.run([SYSTEMCTL, 'poweroff'])
        sys.exit(1)
