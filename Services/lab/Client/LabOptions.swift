import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// Options that every command takes.
struct LabOptions: ParsableArguments {
    @Option(
        name: .customLong("state-dir"),
        help: ArgumentHelp(
            "Where the lab keeps everything (or LAB_STATE_DIR).", valueName: "directory"),
        completion: .directory)
    var stateDirectory: String?

    @Flag(help: "Answer in JSON, for programs.")
    var json = false

    /// The directory with everything of this lab.
    var directory: StateDirectory {
        let environment = ProcessInfo.processInfo.environment
        let path = stateDirectory ?? environment["LAB_STATE_DIR"].flatMap { $0.isEmpty ? nil : $0 }
        return StateDirectory(path ?? Self.defaultPath(environment))
    }

    private static func defaultPath(_ environment: [String: String]) -> String {
        if let home = environment["LAB_HOME"], !home.isEmpty { return home + "/.lab" }
        return (environment["HOME"] ?? "/var/lib") + "/.local/state/homelab"
    }
}
