# Completes command lines of tenantpilot in bash. It asks the program what could stand at the cursor
# and evaluates nothing of the answer: candidates come quoted.

_tenantpilot() {
    local -a answer
    local candidate i kind pad text width=0
    COMPREPLY=()
    mapfile -t answer < <(
        command tenantpilot complete bash -- "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null
    )
    kind=${answer[0]-}
    case $kind in
        files) compopt -o default 2>/dev/null ;;
        folders) compopt -o dirnames 2>/dev/null ;;
        users) mapfile -t COMPREPLY < <(compgen -u -- "$2") ;;
        open) compopt -o nospace 2>/dev/null ;;
    esac
    [[ $kind == words || $kind == open ]] || return 0
    compopt -o nosort 2>/dev/null
    for candidate in "${answer[@]:1}"; do
        COMPREPLY+=("${candidate%%$'\t'*}")
    done
    # Where bash lists them and inserts nothing, what each is stands beside it.
    ((${#COMPREPLY[@]} > 1)) && [[ ${COMP_TYPE-} == 63 ]] || return 0
    for candidate in "${COMPREPLY[@]}"; do
        ((${#candidate} > width)) && width=${#candidate}
    done
    for i in "${!COMPREPLY[@]}"; do
        text=${answer[i + 1]#*$'\t'}
        [[ $text ]] || continue
        printf -v pad '%*s' $((width - ${#COMPREPLY[i]})) ''
        text="${COMPREPLY[i]}$pad  $text"
        COMPREPLY[i]=${text:0:${COLUMNS:-80} - 1}
    done
}

complete -F _tenantpilot tenantpilot
