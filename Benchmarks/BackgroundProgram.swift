import Foundation
import LabServers

/// Programs that run beside a benchmark.
enum BackgroundProgram {
    static func start(
        _ program: String, _ arguments: [String], environment: [String: String] = [:], input: FileHandle? = nil
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: program.contains("/") ? program : try Program.find(program))
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = input ?? FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        // A program inherits the signal mask of the thread that starts it, and the cooperative pool's block SIGTERM.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(Int32(SIG_UNBLOCK), &all, &before)
        defer { pthread_sigmask(Int32(SIG_SETMASK), &before, nil) }
        try process.run()
        return process
    }

    /// Waits until something accepts connections on a port of 127.0.0.1, ten seconds at most.
    static func untilListening(_ port: Int) async throws {
        for _ in 0..<500 {
            if !LoopbackPort.isFree(port) { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw BenchmarkFailure("nothing listens on port \(port)")
    }

    static func stop(_ process: Process) async throws {
        process.terminate()
        while process.isRunning { try await Task.sleep(for: .milliseconds(5)) }
    }
}
