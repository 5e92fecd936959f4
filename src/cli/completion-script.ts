import { script } from '@bomb.sh/tab';
import { printed } from './printed.ts';

/**
 * The script that bash, zsh or fish sources to complete `spin`. For bash and zsh it is our own: the library's has the shell evaluate
 * the words typed so far, so that `spin $(COMMAND)` and a tab would run the command.
 */
export function completionScript(shell: string): string {
  if (shell === 'bash') return BASH;
  return shell === 'zsh' ? ZSH : printed(() => script(shell, 'spin', 'spin'));
}

/**
 * Words go to `spin complete` as they were typed, quotes and all: to take those off is for it, as only a shell that evaluates could.
 * Bash cuts words at the characters of COMP_WORDBREAKS, of which `=` and `:` are no ends of words to spin.
 */
const BASH = `\
# bash completion for spin

__spin_complete() {
    local -a words=()
    local rest=$COMP_LINE part blank word prefix flag= out directive line i
    for ((i = 0; i <= COMP_CWORD; i++)); do
        part=\${COMP_WORDS[i]}
        blank=\${rest%%[![:blank:]]*}
        rest=\${rest#"$blank"}
        rest=\${rest#"$part"}
        if [[ -z $blank && $i -gt 1 && ( $part == [=:]* || \${COMP_WORDS[i - 1]} == *[=:] ) ]]; then
            words[\${#words[@]} - 1]+=$part
        else
            words+=("$part")
        fi
    done

    word=\${words[\${#words[@]} - 1]}
    # What bash has of the word is its last part only, and that is what it replaces.
    [[ $part == [=:] ]] && part=
    prefix=\${word%"$part"}
    # Values are offered without their option.
    [[ $word == -*=* ]] && flag=\${word%%=*}=

    COMPREPLY=()
    out=$(spin complete -- "\${words[@]:1}" 2> /dev/null) || return
    directive=\${out##*:}
    [[ $directive =~ ^[0-9]+$ ]] || return
    ((directive & 1)) && return
    ((directive & 2)) && compopt -o nospace 2> /dev/null
    ((directive & 4)) && compopt +o default 2> /dev/null
    while IFS= read -r line; do
        [[ -n $line && $line != :* ]] || continue
        line=$flag\${line%%$'\\t'*}
        [[ $line == "$word"* ]] && COMPREPLY+=("\${line#"$prefix"}")
    done <<< "$out"
    return 0
}

complete -o default -F __spin_complete spin
`;

const ZSH = `\
#compdef spin

# zsh completion for spin
_spin() {
    local out line directive
    local -a offers nospace
    out=$(spin complete -- "\${(@)words[2,CURRENT]}" 2> /dev/null) || return 1
    directive=\${out##*:}
    [[ $directive == <-> ]] || return 1
    ((directive & 1)) && return 1
    ((directive & 2)) && nospace=(-S '')
    # Values are offered without their option.
    [[ $words[CURRENT] == -*=* ]] && compset -P 1 '*='
    for line in "\${(@f)out}"; do
        [[ -z $line || $line == :* ]] && continue
        line=\${line//:/\\\\:}
        offers+=("\${line/$'\\t'/:}")
    done
    ((\${#offers})) && _describe spin offers "\${(@)nospace}" && return
    ((directive & 4)) || _files
}

# Found in $fpath it is run as the completion itself; sourced, it is registered.
if [[ "\${funcstack[1]}" == _spin ]]; then
    _spin
else
    compdef _spin spin
fi
`;
