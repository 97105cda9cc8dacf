import Foundation
import LabCore
import LabMQTT
import LabServers
import Logging
import Synchronization

/// A Mosquitto of a test's own, in a directory of its own, on a free port of 127.0.0.1.
final class Broker: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let directory: URL
    let port: Int
    private let lines: [String]
    private let logType: String
    private let process = Mutex<Process?>(nil)

    /// - Parameter settings: lines for mosquitto.conf; `@` stands for the directory.
    init(
        _ settings: [String] = ["allow_anonymous true"], files: [String: String] = [:], logType: String = "all"
    ) throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "mqtt-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        for (name, text) in files { try Data(text.utf8).write(to: directory.appending(path: name)) }
        port = LoopbackPort.free()
        self.logType = logType
        let path = directory.path(percentEncoded: false)
        lines = settings.map { $0.replacing("@", with: path) }
    }

    deinit {
        kill()
        try? FileManager.default.removeItem(at: directory)
    }

    func path(_ name: String) -> String { directory.appending(path: name).path(percentEncoded: false) }

    /// Makes a password file `users`.
    func setPassword(_ password: String, of user: String) throws {
        try run("mosquitto_passwd", "-b", "-c", path("users"), user, password)
    }

    func start() async throws {
        let common = [
            "listener \(port) 127.0.0.1", "persistence_location \(path(""))", "log_dest file \(path("log"))",
            "log_type \(logType)", "max_queued_messages 0", "max_inflight_messages 500",
        ]
        let user = getuid() == 0 ? ["user root"] : []
        try Data((user + common + lines).joined(separator: "\n").utf8).write(to: directory.appending(path: "conf"))
        let process = Process()
        process.executableURL = try executable("mosquitto")
        process.arguments = ["-c", path("conf")]
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try runWithSignals(process)
        self.process.withLock { $0 = process }
        for _ in 0..<500 {
            if isListening(port) { return }
            guard process.isRunning else { break }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw Failure(description: "mosquitto did not start: \(log)")
    }

    /// As a loss of power does.
    func kill() { end(SIGKILL) }

    /// Stops it in order, so that it saves its sessions.
    func stop() { end(SIGTERM) }

    /// Makes it hang (SIGSTOP) and go on (SIGCONT).
    func signal(_ signal: Int32) {
        process.withLock { process in
            if let process { _ = Foundation.kill(process.processIdentifier, signal) }
        }
    }

    private func end(_ signal: Int32) {
        process.withLock { process in
            guard let running = process else { return }
            if running.isRunning { _ = Foundation.kill(running.processIdentifier, signal) }
            awaitExit(of: running)
            process = nil
        }
    }

    var log: String { (try? String(contentsOf: directory.appending(path: "log"), encoding: .utf8)) ?? "" }

    func configuration(_ clientID: String = "test") -> MQTTConfiguration {
        MQTTConfiguration(
            host: "127.0.0.1", port: port, clientID: clientID,
            reconnectBackoff: Backoff(initial: .milliseconds(50), maximum: .milliseconds(300)))
    }
}

/// Runs a program to its end.
func run(_ program: String, _ arguments: String...) throws {
    let process = Process()
    process.executableURL = try executable(program)
    process.arguments = arguments
    let output = Pipe()
    process.standardError = output
    process.standardOutput = output
    try process.run()
    let text = output.fileHandleForReading.readDataToEndOfFile()
    awaitExit(of: process)
    guard process.terminationStatus == 0 else {
        throw Broker.Failure(description: "\(program) failed: \(String(decoding: text, as: UTF8.self))")
    }
}

/// Starts a program that can be signalled: it inherits the signal mask of the thread that starts it, and the threads of
/// the cooperative pool block SIGTERM.
private func runWithSignals(_ process: Process) throws {
    var all = sigset_t()
    var before = sigset_t()
    sigfillset(&all)
    pthread_sigmask(Int32(SIG_UNBLOCK), &all, &before)
    defer { pthread_sigmask(Int32(SIG_SETMASK), &before, nil) }
    try process.run()
}

/// Waits by looking: `waitUntilExit` turns a run loop, which the threads of the cooperative pool do not have.
private func awaitExit(of process: Process) {
    while process.isRunning { usleep(2_000) }
}

private func executable(_ name: String) throws -> URL {
    for directory in ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"] {
        let path = "\(directory)/\(name)"
        if FileManager.default.isExecutableFile(atPath: path) { return URL(filePath: path) }
    }
    throw Broker.Failure(description: "\(name) is not installed")
}

private func socketAddress(_ port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    return address
}

private func isListening(_ port: Int) -> Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = socketAddress(port)
    return withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
    }
}

/// Runs a client for as long as `body` takes.
@discardableResult
func withClient<Value: Sendable>(
    _ configuration: MQTTConfiguration, _ body: @Sendable @escaping (MQTTClient) async throws -> Value
) async throws -> Value {
    let client = try MQTTClient(configuration, logger: Logger(label: "test"))
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.run() }
        let value = try await body(client)
        group.cancelAll()
        try await group.waitForAll()
        return value
    }
}

/// The first messages of a sequence.
func take(_ count: Int, from messages: MQTTMessages) async throws -> [MQTTMessage] {
    var taken: [MQTTMessage] = []
    var iterator = messages.makeAsyncIterator()
    while taken.count < count, let message = try await iterator.next() { taken.append(message) }
    return taken
}
