package shell

import "strings"

// Asked is the first word of a command line that asks how another one goes on.
// After it come the shell, for bash its COMP_WORDBREAKS, and the words after ipp,
// of which the last is to be completed. The answer is a word a line, with what it
// means behind a tab, or one line that asks for paths (see AskFiles).
const Asked = "__complete"

// AskFiles and AskDirs begin the line that asks the shell for paths. Behind a tab
// stands what the word has in front of the path.
const (
	AskFiles = ":files"
	AskDirs  = ":dirs"
)

// Completion is what a shell needs to complete ipp's command lines; false if
// there is nothing for it. In bash, readline's own completion of paths follows
// where nothing was answered, so it is taken away where none is wanted.
func Completion(shell string) (string, bool) {
	text, ok := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[shell]
	return strings.ReplaceAll(text, "ASKED", Asked), ok
}

const bashCompletion = `# ipp: completes its command lines (from: ipp completion bash)
_ipp() {
  local line paths=
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files*|:dirs*) paths=1 ;;
      *) COMPREPLY+=("${line%%$'\t'*}") ;;
    esac
  done < <(command ipp ASKED bash "$COMP_WORDBREAKS" "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [ -n "$paths" ] || compopt +o default 2>/dev/null
  case ${COMPREPLY[0]-} in *[@=]) compopt -o nospace 2>/dev/null ;; esac
}
complete -o default -F _ipp ipp
`

const zshCompletion = `#compdef ipp
# ipp: completes its command lines (from: ipp completion zsh)
_ipp() {
  local line prefix tab=$'\t'
  local -a before values open
  (( CURRENT > 2 )) && before=("${(@Q)words[2,CURRENT-1]}")
  for line in "${(@f)$(command ipp ASKED zsh "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    case $line in
      :files*|:dirs*)
        prefix=${line#*$tab}
        compset -p ${#prefix}
        if [[ $line == :dirs* ]]; then _files -/; else _files; fi
        return ;;
      *[@=]$tab*) open+=("${${line%%$tab*}//:/\\:}:${line#*$tab}") ;;
      ?*) values+=("${${line%%$tab*}//:/\\:}:${line#*$tab}") ;;
    esac
  done
  (( $#values )) && _describe -V ipp values
  (( $#open )) && _describe -V ipp open -S ''
  (( $#values + $#open ))
}
if [ "$funcstack[1]" = _ipp ]; then _ipp "$@"; else compdef _ipp ipp; fi
`

const fishCompletion = `# ipp: completes its command lines (from: ipp completion fish)
function __ipp_complete
  set -l token (commandline -ct)
  for line in (command ipp ASKED fish (commandline -opc)[2..-1] "$token" 2>/dev/null)
    set -l parts (string split -m 1 \t -- $line)
    switch $line
      case ':files*' ':dirs*'
        set -l path (string sub -s (math (string length -- "$parts[2]") + 1) -- "$token")
        if string match -q ':dirs*' -- $line
          string replace -r -- '^' "$parts[2]" (__fish_complete_directories "$path")
        else
          string replace -r -- '^' "$parts[2]" (__fish_complete_path "$path")
        end
      case '*'
        echo $line
    end
  end
end
complete -c ipp -k -f -a '(__ipp_complete)'
`
