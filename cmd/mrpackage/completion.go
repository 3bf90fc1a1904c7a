package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const completionHelp = `completion prints a script with which a shell completes the command lines of
mrpackage: commands, flags, and their values, as regions, also after a comma. What
it completes comes from mrpackage itself, so the script needs no renewal when
mrpackage gets a new flag. To have it in each new shell:

  bash        in ~/.bashrc
                source <(mrpackage completion bash)
              bash of macOS, which is 3.2
                eval "$(mrpackage completion bash)"
  zsh         in ~/.zshrc, after compinit
                source <(mrpackage completion zsh)
  fish        once
                mrpackage completion fish > ~/.config/fish/completions/mrpackage.fish
  powershell  in the file that $PROFILE names
                mrpackage completion powershell | Out-String | Invoke-Expression`

// completionCommand is mrpackage completion.
func completionCommand(u *ui) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	cmd := &cobra.Command{
		Use:       "completion " + strings.Join(shells, "|"),
		Short:     "Print a script that completes command lines in a shell",
		Long:      completionHelp,
		ValidArgs: shells,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 || cobra.OnlyValidArgs(cmd, args) != nil {
				return usageError{fmt.Errorf("completion takes the name of one shell: %s or %s", strings.Join(shells[:3], ", "), shells[3])}
			}
			return nil
		},
		SilenceUsage: true, SilenceErrors: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			script, err := completionScript(cmd.Root(), args[0])
			if err != nil {
				return err
			}
			if _, err := u.out.Write(script); err != nil && !readEnough(err) {
				return fmt.Errorf("writing the script: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().BoolP("help", "h", false, "print this help")
	return cmd
}

// completionScript is the script for a shell. Cobra's own is taken for PowerShell alone: that for bash cuts
// off values at a colon, as of aws:kms, and those for bash and zsh evaluate what was typed.
func completionScript(root *cobra.Command, shell string) ([]byte, error) {
	switch shell {
	case "bash":
		return []byte(bashCompletion), nil
	case "zsh":
		return []byte(zshCompletion), nil
	case "fish":
		return []byte(fishCompletion), nil
	}
	var script bytes.Buffer
	err := root.GenPowerShellCompletionWithDesc(&script)
	return script.Bytes(), err
}
