import Foundation
import Synchronization

/// A program that runs beside the test, with its output kept for messages.
final class ChildProcess: Sendable {
    private let pid: pid_t
    private let log: String
    private let statuses: AsyncStream<Int32>

    init(_ program: String, _ arguments: [String], environment: [String: String]) throws {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = environment
        log = FileManager.default.temporaryDirectory.appending(path: "lab-child-\(UUID().uuidString).log").path
        FileManager.default.createFile(atPath: log, contents: nil)
        let output = FileHandle(forWritingAtPath: log)
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        let (statuses, ended) = AsyncStream.makeStream(of: Int32.self)
        process.terminationHandler = { process in
            // A signal counts as the shell counts it.
            ended.yield(process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0))
            ended.finish()
        }
        try process.run()
        pid = process.processIdentifier
        self.statuses = statuses
    }

    deinit {
        try? FileManager.default.removeItem(atPath: log)
    }

    /// All that it has said until now.
    var output: String {
        FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    func terminate() { Foundation.kill(pid, SIGTERM) }
    func kill() { Foundation.kill(pid, SIGKILL) }

    /// Its exit status, once it has ended.
    func end() async throws -> Int32 {
        for await status in statuses { return status }
        throw CancellationError()
    }
}
