import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// `lab setup files`, `lab setup database`: what compose.yaml runs before the services.
struct Setup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make what the platform in containers needs before it starts.",
        discussion: "Run by compose.yaml at each start; what is there already stays as it is.",
        subcommands: [SetupFiles.self, SetupDatabase.self, RemoveFolder.self, FindTakenPorts.self])
}

struct SetupOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where the volumes are mounted, a folder each.", valueName: "directory"))
    var root = "/setup"

    func layout() throws -> PlatformLayout {
        try PlatformLayout(LabSettings(ProcessInfo.processInfo.environment), root: root)
    }
}

struct SetupFiles: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "files", abstract: "Make secrets, and write the configuration of the servers.")

    @OptionGroup var options: SetupOptions

    func run() async throws {
        try PlatformFiles(layout: try options.layout()).write()
    }
}

struct SetupDatabase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database", abstract: "Make the database, its roles, tables and tokens.")

    @OptionGroup var options: SetupOptions

    func run() async throws {
        let logger = LabLogging.start(level: ProcessInfo.processInfo.environment["LAB_LOG_LEVEL"] ?? "warning")
        try await PlatformDatabase(layout: try options.layout(), logger: logger).prepare()
    }
}
