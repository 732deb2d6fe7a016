# Completes command lines of tenantpilot in fish. It asks the program what could stand at the cursor
# and evaluates nothing of the answer: fish quotes what it inserts.

function __tenantpilot_complete
    set -l before (commandline -opc)
    set -l typed (commandline -ct)
    # Without its quotes; where they are open, without the first.
    set -l current (string unescape -- $typed; or string replace --regex -- '^["\']' '' $typed)
    set -l answer (command tenantpilot complete fish -- $before[2..-1] $current 2>/dev/null)
    set -l flag (string match --regex -- '^--[^=]*=' $current)
    set -q flag[1]; or set flag ''
    set -l value (string replace --regex -- '^--[^=]*=' '' $current)
    switch "$answer[1]"
        case files
            printf '%s\n' $flag(__fish_complete_path $value)
        case folders
            printf '%s\n' $flag(__fish_complete_directories $value)
        case users
            printf '%s\n' $flag(__fish_complete_users)
        case words open
            printf '%s\n' $answer[2..-1]
    end
end

complete --command tenantpilot --no-files --keep-order --arguments '(__tenantpilot_complete)'
