internal import Foundation

/// One thing that a `FaultyProgram` does wrong, where a condition holds.
package struct ProgramFault: Sendable {
    /// What is wrong, in a few words.
    package var name: String
    /// When: a condition of the shell, over the arguments (`$1`, `$*`) and the environment.
    package var condition: String
    /// What is done: lines of the shell, to which `$svc` is the program. They end with its exit code.
    package var script: String

    /// A fault.
    package init(_ name: String, when condition: String, _ script: String) {
        (self.name, self.condition, self.script) = (name, condition, script)
    }

    /// The condition that an argument is there.
    package static func has(_ argument: String) -> String { #"case " $* " in *' \#(argument) '*) ;; *) false ;; esac"# }

    /// Writes something before the program's own output.
    package static func before(_ output: String, when condition: String) -> ProgramFault {
        ProgramFault(
            "writes \(output.debugDescription) first", when: condition,
            #"printf '%s' \#(quoted(output)); exec "$svc" "$@""#)
    }

    /// Writes something after the program's own output.
    package static func after(_ output: String, when condition: String) -> ProgramFault {
        ProgramFault(
            "writes \(output.debugDescription) last", when: condition,
            #""$svc" "$@"; code=$?; printf '%s' \#(quoted(output)); exit $code"#)
    }

    /// Sends the program's output through another program's standard input.
    package static func through(_ filter: String, when condition: String) -> ProgramFault {
        ProgramFault(
            "output through \(filter)", when: condition,
            #"{ { "$svc" "$@" 3>&-; echo $? >&3; } | \#(filter) >&4; } 3>"$strikes.$$" 4>&1; exit $(cat "$strikes.$$")"#
        )
    }

    /// Ends with another exit code instead of one. Signals are passed on.
    package static func exitCode(_ wrong: Int32, insteadOf right: Int32, when condition: String = "true")
        -> ProgramFault
    {
        ProgramFault(
            "exit code \(wrong) instead of \(right)", when: condition,
            """
            exec 3<&0
            "$svc" "$@" <&3 &
            trap 'kill -TERM $!' TERM
            trap 'kill -INT $!' INT
            wait $!
            code=$?
            while kill -0 $! 2> /dev/null; do wait $!; code=$?; done
            [ $code -eq \(right) ] && exit \(wrong)
            exit $code
            """)
    }

    /// Runs with other settings than it was told.
    package static func environment(_ name: String, _ value: String, when condition: String) -> ProgramFault {
        ProgramFault("\(name)=\(value)", when: condition, "export \(name)=\(quoted(value)); exec \"$svc\" \"$@\"")
    }

    /// A service whose process pays no heed to SIGTERM.
    package static let ignoresTermination = ProgramFault(
        "ignores SIGTERM", when: #"[ "$1" = serve ]"#,
        // The service dies with this process, which only SIGKILL ends.
        #"trap '' TERM; setpriv --pdeathsig KILL "$svc" "$@" & wait $!"#)

    /// A service whose process takes some more memory with each request, and never gives it back.
    package static func leak(bytesPerRequest: Int) -> ProgramFault {
        ProgramFault(
            "leaks \(bytesPerRequest) bytes with each request", when: #"[ "$1" = serve ]"#,
            """
            exec python3 - "$svc" "$@" 3<&0 <<'END'
            import ctypes, os, signal, subprocess, sys
            def dies_with_parent():
                ctypes.CDLL(None).prctl(1, signal.SIGKILL)
            child = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, preexec_fn=dies_with_parent)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda number, _: child.send_signal(number))
            kept = []
            for line in child.stderr:
                os.write(2, line)
                if b"status=" in line or b'"status"' in line:
                    kept.append(b"x" * \(bytesPerRequest))
            sys.exit(child.wait())
            END
            """)
    }

    /// A text as one word of the shell.
    static func quoted(_ text: String) -> String { "'" + text.replacingOccurrences(of: "'", with: #"'\''"#) + "'" }
}
