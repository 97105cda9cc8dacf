import FoundationEssentials
import Glibc
import Subprocess
import SystemPackage

/// Starts a program whose output goes to a file.
enum DetachedProgram {
    /// - Parameter program: ends at once, as `setsid --fork` does; what it left behind goes on.
    static func start(_ program: String, _ arguments: [String], output path: String) async throws {
        let log = try FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.append, .create], permissions: .ownerReadWrite)
        let result = try await Subprocess.run(
            .path(FilePath(program)), arguments: Arguments(arguments), input: .none,
            output: .fileDescriptor(log, closeAfterSpawningProcess: false),
            error: .fileDescriptor(log, closeAfterSpawningProcess: true))
        guard result.terminationStatus.isSuccess else {
            throw CommandFault("\(program) could not start the lab", remedy: "See \(path)")
        }
    }
}

extension ProcessFacts {
    /// The path of this program.
    static var ownProgram: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }
}
