import ArgumentParser
import FoundationEssentials
import Glibc
import LabKit

/// `lab down`
struct Down: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stop the lab that runs here, all of it.")

    @OptionGroup var options: LabOptions

    func run() async throws {
        let directory = options.directory
        guard let info = try directory.info() else {
            guard !options.json else { return Terminal.standardOutput.line(#"{"wasRunning":false}"#) }
            if try PlatformAddress.Files(directory).read() != nil {
                return Terminal.standardOutput.line("The platform in containers is stopped with: docker compose down")
            }
            return Terminal.standardOutput.line("No lab runs in \(directory.path).")
        }
        let start = ContinuousClock.now
        kill(info.pids.lab, SIGTERM)
        while ProcessFacts.isAlive(info.pids.lab, startedAt: info.startedAtTicks) {
            guard ContinuousClock.now - start < .seconds(60) else {
                throw CommandFault(
                    "the lab's process \(info.pids.lab) does not end",
                    remedy: "See \(directory.logFile); end it with: kill -9 \(info.pids.lab)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        let elapsed = ContinuousClock.now - start
        if options.json {
            Terminal.standardOutput.line(#"{"wasRunning":true,"milliseconds":\#(Int(elapsed.milliseconds))}"#)
        } else {
            Terminal.standardOutput.line("The lab stopped in \(elapsed.shortText).")
        }
    }
}
