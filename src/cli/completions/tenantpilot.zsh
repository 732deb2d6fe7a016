#compdef tenantpilot
# Completes command lines of tenantpilot in zsh. It asks the program what could stand at the cursor
# and evaluates nothing of the answer: zsh quotes what it inserts.

_tenantpilot() {
    local -a answer candidates described options
    local line pad text
    integer width=0
    answer=("${(@f)$(command tenantpilot complete zsh -- \
        "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    case $answer[1] in
        files) [[ $PREFIX == --*=* ]] && compset -P 1 '*='; _files ;;
        folders) [[ $PREFIX == --*=* ]] && compset -P 1 '*='; _files -/ ;;
        users) [[ $PREFIX == --*=* ]] && compset -P 1 '*='; _users ;;
        words|open)
            [[ $answer[1] == open ]] && options=(-S '')
            for line in "${(@)answer[2,-1]}"; do
                text=${line%%$'\t'*}
                candidates+=("$text")
                (( ${#text} > width )) && width=${#text}
            done
            for line in "${(@)answer[2,-1]}"; do
                text=${line#*$'\t'}
                pad=${(r:width:)line%%$'\t'*}
                text="$pad${text:+  $text}"
                described+=("${text[1,COLUMNS-1]}")
            done
            # Not sorted: the newest run comes first.
            compadd -l -V tenantpilot "${(@)options}" -d described -a candidates
            ;;
    esac
}

if [[ $funcstack[1] == _tenantpilot ]]; then
    _tenantpilot "$@"
else
    compdef _tenantpilot tenantpilot
fi
