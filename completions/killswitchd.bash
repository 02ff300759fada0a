# SPDX-License-Identifier: GPL-2.0-or-later
# Completions of killswitchd(8) for bash.
_killswitchd() {
    local commands='arm blocked boot check confirm diff disarm endpoint endpoints explain hosts init lock metrics monitor pause reconnect reload render report resolve resume run run-confined status test unlock verify'
    local options='--config --state-dir --runtime-dir --hosts-file --color --help'
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' word index
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        case $word in
        --config | --state-dir | --runtime-dir | --hosts-file | --color | --report | --evidence | --from | --output | --ssh-from) ((index++)) ;;
        -*) ;;
        *)
            command=$word
            break
            ;;
        esac
    done
    COMPREPLY=()
    case $previous in
    --config | --from | --hosts-file | --output | --report) mapfile -t COMPREPLY < <(compgen -f -- "$current") && return ;;
    --state-dir | --runtime-dir | --evidence) mapfile -t COMPREPLY < <(compgen -d -- "$current") && return ;;
    --color) options='auto always never' ;;
    --state) options='disarmed locked protected paused panic' ;;
    --format) options='nft json' ;;
    --user) mapfile -t COMPREPLY < <(compgen -u -- "$current") && return ;;
    --group) mapfile -t COMPREPLY < <(compgen -g -- "$current") && return ;;
    --drill) options='boot steady disconnect killed stalled switch dns ipv6 network guest service reload exceptions' ;;
    *)
        case $command in
        '') options="$commands $options --version" ;;
        check)
            options+=' --offline'
            if [[ $current != -* ]]; then
                mapfile -t COMPREPLY < <(compgen -f -- "$current") && return
            fi
            ;;
        arm) options+=' --confirm --anyway --list' ;;
        blocked) options+=' --json --follow' ;;
        boot) options+=' --gate --hold' ;;
        disarm) options+=' --all' ;;
        endpoint) options+=' allow --only' ;;
        endpoints) options+=' pin --json' ;;
        init) options+=' --yes --print --from --lan --ssh-from' ;;
        explain) options+=' --user --group --mark --cgroup --from --in --json' ;;
        monitor) options+=' --json' ;;
        pause) options+=' --user' ;;
        report) options+=' --output --yes' ;;
        reload) options+=' --anyway' ;;
        render) options+=' --state --format' ;;
        status) options+=' --json --quiet --short --watch' ;;
        verify)
            options+=' --json'
            [[ -z $current || $current == -* ]] ||
                { mapfile -t COMPREPLY < <(compgen -d -- "$current") && return; }
            ;;
        test) options+=' --drill --json --report --evidence' ;;
        esac
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
}
complete -o filenames -F _killswitchd killswitchd
