import { script } from '@bomb.sh/tab';
import { printed } from './printed.ts';

/** The script that bash, zsh or fish sources to complete `spin`. */
export function completionScript(shell: string): string {
  const text = printed(() => script(shell, 'spin', 'spin'));
  return shell === 'bash' ? forPlainBash(text) : text;
}

/** As the library writes it, the script needs the package bash-completion, fails when sourced twice, and never offers files. */
function forPlainBash(text: string): string {
  return text
    .replaceAll(/^readonly /gm, '')
    .replace(/^ *_get_comp_words_by_ref .*$/m, () => WORDS)
    .replace(/^complete -F /m, 'complete -o default -F ');
}

/** Bash itself cuts words at `=` and `:` too; without the package that is how they come. */
const WORDS = `\
    if declare -F _get_comp_words_by_ref > /dev/null; then
        _get_comp_words_by_ref -n "=:" cur prev words cword
    else
        words=("\${COMP_WORDS[@]}")
        cword=$COMP_CWORD
        cur=\${words[cword]}
        prev=\${words[cword - 1]}
    fi`;
