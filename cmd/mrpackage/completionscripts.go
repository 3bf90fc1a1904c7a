package main

// The scripts ask the program: mrpackage __complete and the words up to the cursor, the last one as far as it was typed.
// It answers with a line for each value, and a last line with a colon and the sum of what is to be done with them,
// which cobra calls directives: 1 nothing, there was an error; 2 no space after the value; 4 no names of files; 8 the values are the
// endings of files; 16 folders. Nothing that was typed is evaluated.

// bash divides words at = and : too, and wants only what follows the last of them.
const bashCompletion = `# bash completion for mrpackage
_mrpackage() {
    local line=$COMP_LINE rest word value head text directive i
    local -a words=() found=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        rest=${line#"${line%%[![:space:]]*}"}
        if [[ $i == 0 || $rest != "$line" ]]; then
            words+=("$word")
        else
            words[${#words[@]}-1]+=$word
        fi
        line=${rest#"$word"}
    done
    for ((i = 0; i < ${#words[@]}; i++)); do
        word=${words[i]}
        case $word in
            \'*\' | \"*\") ((${#word} > 1)) && words[i]=${word:1:${#word}-2} ;;
        esac
    done
    value=${words[${#words[@]}-1]}
    text=$("${words[0]}" __completeNoDesc "${words[@]:1}" 2>/dev/null) || return
    directive=${text##*:}
    text=${text%:*}
    if [[ $value == --*=* ]]; then
        value=${value#*=}
    fi
    head=
    if [[ $value == *[=:]* ]]; then
        head=${value%"${value##*[=:]}"}
    fi
    COMPREPLY=()
    while IFS= read -r word; do
        [[ -n $word ]] && found+=("$word")
    done <<<"$text"
    if ((directive & 1)); then
        return
    elif ((directive & 8)); then
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do
            for text in "${found[@]}"; do
                if [[ -d $word || $word == *."$text" ]]; then
                    COMPREPLY+=("$word")
                    break
                fi
            done
        done < <(compgen -f -- "${value#"$head"}")
    elif ((directive & 16)); then
        compopt -o filenames 2>/dev/null
        while IFS= read -r word; do
            COMPREPLY+=("$word")
        done < <(compgen -d -- "${value#"$head"}")
    else
        for word in ${found[@]+"${found[@]}"}; do
            [[ $word == "$value"* ]] && COMPREPLY+=("${word#"$head"}")
        done
        ((directive & 2)) && compopt -o nospace 2>/dev/null
    fi
    ((directive & 28)) && compopt +o default +o bashdefault 2>/dev/null
    return 0
}
complete -o default -o bashdefault -F _mrpackage mrpackage
`

const zshCompletion = `#compdef mrpackage
_mrpackage() {
    local -a lines values options
    local line value text directive
    lines=("${(@f)$("${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    directive=${lines[-1]#:}
    lines[-1]=()
    [[ $directive == <-> ]] && ((!(directive & 1))) || return 1
    [[ $PREFIX == --*=* ]] && compset -P "${PREFIX%%=*}="
    if ((directive & 8)); then
        _files -g "*.(${(j:|:)lines})"
        return
    elif ((directive & 16)); then
        _files -/
        return
    fi
    for line in "${(@)lines}"; do
        [[ -n $line ]] || continue
        value=${line%%$'\t'*}
        text=
        [[ $line == *$'\t'* ]] && text=:${line#*$'\t'}
        values+=("${value//:/\\:}$text")
    done
    ((directive & 2)) && options=(-S '')
    if ((${#values})); then
        _describe -V -t values value values "${(@)options}"
    elif ((!(directive & 4))); then
        [[ $PREFIX =~ '^[a-z-]+-[0-9]+=' ]] && compset -P "${PREFIX%%=*}=" # REGION=FILE
        _files
    else
        return 1
    fi
}
if [[ ${funcstack[1]} == _mrpackage ]]; then
    _mrpackage "$@"
else
    compdef _mrpackage mrpackage
fi
`

const fishCompletion = `# fish completion for mrpackage
function __mrpackage_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program $words[1]
    set -e words[1]
    set -l lines ($program __complete $words "$current" 2>/dev/null)
    or return
    set -l directive (string replace ':' '' -- $lines[-1])
    set -e lines[-1]
    set lines (string match -v -- '' $lines)
    # What stands before the value in --flag=value belongs to the word.
    set -l flag (string match -r -- '^--[^=]+=' "$current")
    set -l value (string replace -r -- '^--[^=]+=' '' "$current")
    if test (math "bitand($directive, 1)") -ne 0
        return
    else if test (math "bitand($directive, 16)") -ne 0
        printf '%s\n' "$flag"(__fish_complete_directories "$value")
    else if test (math "bitand($directive, 8)") -ne 0
        for path in (__fish_complete_path "$value")
            set -l name (string split -f 1 \t -- $path)
            if string match -q '*/' -- $name; or contains -- (string replace -r '.*\.' '' -- $name) $lines
                printf '%s%s\n' "$flag" $path
            end
        end
    else if test (count $lines) -gt 0
        printf "$flag%s\n" $lines
    else if test (math "bitand($directive, 4)") -eq 0
        set -l region (string match -r -- '^[a-z-]+-[0-9]+=' "$value") # REGION=FILE
        for path in (__fish_complete_path (string replace -r -- '^[a-z-]+-[0-9]+=' '' "$value"))
            printf '%s%s%s\n' "$flag" "$region" $path
        end
    end
end
complete -c mrpackage -f -k -a '(__mrpackage_complete)'
`
