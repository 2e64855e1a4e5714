"""What a shell needs to complete `kanpde`: a script that is made from the parsers, so that it knows
every verb and option that there is.

The word after `problem=` is the name of a shipped problem, a run is a folder, a problem is a folder
or a .yaml file, and options with choices are completed by these.
"""

from __future__ import annotations

import argparse

from kanpde.cli.arguments import VERBS, parser_of
from kanpde.config import shipped
from kanpde.config.shipped import TEMPLATES

_FUNCTION = """\
_kanpde() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
    local options="" files="" choices=""
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "{verbs} --help --version" -- "$word"))
        return
    fi
    local key=""
    case "$word" in  # bash takes problem=NAME apart into three words, zsh does not
        problem=*) key=problem= word="${{word#problem=}}" ;;
        =) [ "$before" = problem ] && key=" " word="" ;;
        *) [ "$before" = = ] && [ "${{COMP_WORDS[COMP_CWORD-2]}}" = problem ] && key=" " ;;
    esac
    if [ -n "$key" ]; then
        COMPREPLY=($(compgen -P "${{key# }}" -W "{problems}" -- "$word"))
        return
    fi
    case "${{COMP_WORDS[1]}}" in
{cases}
        *) return ;;
    esac
    if [ -n "$choices" ]; then
        COMPREPLY=($(compgen -W "$choices" -- "$word"))
        return
    fi
    case "$word" in
        -*) COMPREPLY=($(compgen -W "$options" -- "$word")); return ;;
    esac
    local IFS=$'\\n'
    COMPREPLY=($(compgen -d -- "$word"))
    case "$files" in
        yaml) COMPREPLY+=($(compgen -f -X '!*.y*ml' -- "$word")) ;;
        any) COMPREPLY=($(compgen -f -- "$word")) ;;
    esac
    compopt -o filenames 2>/dev/null
    if [ "$files" = yaml ] && [ -n "$ZSH_VERSION" ] && [ -n "$word" ]; then
        IFS=$' \\n'
        case "problem=" in "$word"*) COMPREPLY+=($(compgen -P problem= -W "{problems}")) ;; esac
    elif [ "$files" = yaml ]; then
        COMPREPLY+=($(compgen -W "problem=" -- "$word"))
        [ "${{COMPREPLY[*]}}" = problem= ] && compopt -o nospace 2>/dev/null
    fi
    return 0
}}
"""
_HEADS = {
    "bash": '# kanpde completion bash: in ~/.bashrc  eval "$(kanpde completion bash)"\n',
    "zsh": (
        '#compdef kanpde\n# kanpde completion zsh: in ~/.zshrc  eval "$(kanpde completion zsh)"\n'
        "autoload -U +X compinit && compinit -u\nautoload -U +X bashcompinit && bashcompinit\n"
    ),
}
_FILES = {"run": "", "what": "yaml", "name": "yaml"}
"""What the words of a verb without dashes are, by the names of its arguments."""


def script(shell: str) -> str:
    """The script for bash or zsh, to be read by it when it starts."""
    function = _FUNCTION.format(
        verbs=" ".join(VERBS),
        problems=" ".join(shipped.names()),
        cases="\n".join(_case(verb) for verb in VERBS),
    )
    return f"{_HEADS[shell]}{function}complete -F _kanpde kanpde\n"


def _case(verb: str) -> str:
    """What the options of a verb are, what kind of files it takes, and which words follow some."""
    parser = parser_of(verb)
    options: list[str] = []
    after: list[str] = []
    files, words = "any", ""
    for action in parser._actions:
        options += action.option_strings
        choices = _choices(action)
        if action.option_strings and (choices or action.nargs != 0):
            after.append(f"                {'|'.join(action.option_strings)}) {_next(choices)} ;;")
        elif not action.option_strings:
            files, words = _FILES.get(action.dest, "any"), " ".join(choices)
    lines = [f'        {verb}) options="{" ".join(options)}" files={files or "none"}']
    lines += [f'            [ "$COMP_CWORD" -eq 2 ] && choices="{words}"'] if words else []
    lines += ['            case "$before" in', *after, "            esac ;;"] if after else [";;"]
    return "\n".join(lines)


def _choices(action: argparse.Action) -> list[str]:
    if action.dest == "template":
        return list(TEMPLATES)
    return [str(choice) for choice in action.choices or ()]


def _next(choices: list[str]) -> str:
    """What is done behind an option that takes a word."""
    return f'choices="{" ".join(choices)}"' if choices else "files=any"
