import ArgumentParser
import LabKit

/// The one program: hosts services, runs a whole lab, and talks to a running one.
@main
struct Lab: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lab",
        abstract: "Declare a service once; the lab puts it online behind HTTPS and keeps it there.",
        discussion: """
            A lab of another machine is reached with LAB_URL and LAB_TOKEN, and LAB_CA for its certificate authority.
            """,
        version: LabVersion.current,
        groupedSubcommands: [
            CommandGroup(
                name: "The lab:",
                subcommands: [Up.self, Down.self, Info.self, Serve.self, Setup.self, Health.self, DockerFilter.self]),
            CommandGroup(
                name: "Apps:",
                subcommands: [
                    CatalogCommand.self, Deploy.self, Plan.self, Status.self, Why.self, Logs.self, Stats.self,
                    Restart.self,
                    Stop.self, Start.self, Upgrade.self, Releases.self, Rollback.self, Execute.self,
                    SecretCommands.self, Remove.self,
                ]),
            CommandGroup(
                name: "Everything else:", subcommands: [Call.self, Events.self, Token.self, OpenAPIText.self]),
        ])

    static func main() async {
        StandardOutput.ignoreBrokenPipes()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let problem as Problem {
            Terminal.standardError.fault(problem)
            exit(withError: ExitCode(problem.reason == .invalid ? CommandFault.misuse : 1))
        } catch let fault as CommandFault {
            Terminal.standardError.fault(fault.message, remedy: fault.remedy)
            exit(withError: ExitCode(fault.status))
        } catch let error as ExitCode {
            exit(withError: error)
        } catch  where error is CleanExit || error is ValidationError || exitCode(for: error) != .failure {
            exit(withError: error)
        } catch {
            Terminal.standardError.fault("\(error)", remedy: nil)
            exit(withError: ExitCode(1))
        }
    }
}

/// Why a command did not do what it was asked for, and what to do next.
struct CommandFault: Error, CustomStringConvertible {
    let message: String
    let remedy: String?
    /// 1: it did not work; 2: the lab is not there; 64: the command was wrong.
    let status: Int32

    /// `EX_USAGE` of sysexits(3), as for arguments that cannot be parsed.
    static let misuse: Int32 = 64

    init(_ message: String, remedy: String? = nil, status: Int32 = 1) {
        self.message = message
        self.remedy = remedy
        self.status = status
    }

    var description: String { remedy.map { "\(message). \($0)" } ?? message }
}
