import LabCore
import LabHTTPClient
import LabState

extension DockerEngine {
    /// How a command ended that was run in a container.
    struct Execution: Sendable {
        let exitCode: Int
        let standardOutput: String
        let standardError: String
        /// Whether it wrote more than was kept.
        let isCut: Bool
    }

    /// Runs a command in a container that runs, without input and without a terminal, and waits until it ends.
    ///
    /// - Parameters:
    ///   - command: the program and its arguments; no shell sees them.
    ///   - limit: how many bytes of each output are kept. All that comes is read.
    ///   - time: how long it may take; the engine has no means to end it, so it goes on then.
    /// - Throws: ``DockerFault/timedOut(after:)``, and others.
    func execute(
        _ command: [String], in container: String, keeping limit: Int, within time: Duration
    ) async throws -> Execution {
        struct Created: Decodable {
            let id: String
            private enum CodingKeys: String, CodingKey { case id = "Id" }
        }
        let created = try await send(
            .post, "/containers/\(container)/exec",
            body: [
                "AttachStdout": true, "AttachStderr": true, "Tty": false, "Cmd": .array(command.map { .string($0) }),
            ])
        let id = try created.json(Created.self).id
        var request = HTTPRequest(method: .post, url: try await url("/exec/\(id)/start"))
        request.headers["Content-Type"] = "application/json"
        request.body = .text(#"{"Detach": false, "Tty": false}"#)
        request.timeouts = HTTPTimeouts(connect: .seconds(5), total: time, idle: nil)
        request.retries = .never
        let outputs = try await translating {
            do {
                return try await http.withStreamingResponse(request) { response in
                    var outputs = ContainerOutputs(keeping: limit)
                    guard response.head.status == 200 else {
                        throw DockerFault(
                            status: response.head.status, body: try await response.collect(upTo: 1 << 20))
                    }
                    for try await chunk in response.body { outputs.add(chunk) }
                    return outputs
                }
            } catch let error as HTTPClientError {
                if case .timedOut = error.kind { throw DockerFault.timedOut(after: time) }
                throw error
            }
        }
        return Execution(outputs, try await end(of: id))
    }

    /// As `GET /exec/{id}/json` answers.
    fileprivate struct End: Decodable {
        let isRunning: Bool
        let exitCode: Int?
        /// 0 of a command that could not be started.
        let processID: Int

        private enum CodingKeys: String, CodingKey {
            case isRunning = "Running"
            case exitCode = "ExitCode"
            case processID = "Pid"
        }
    }

    /// How it ended. Its outputs may end a moment before it is known.
    private func end(of id: String) async throws -> End {
        for _ in 0..<100 {
            let end = try await send(.get, "/exec/\(id)/json").json(End.self)
            if !end.isRunning, end.exitCode != nil { return end }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw DockerFault.conflict("the command has closed its outputs, and has not ended")
    }
}

extension DockerEngine.Execution {
    fileprivate init(_ outputs: ContainerOutputs, _ end: DockerEngine.End) {
        exitCode = end.exitCode ?? 0
        isCut = outputs.isCut
        // Why a command could not be started comes where its output would.
        let isUnstarted = end.processID == 0 && [126, 127].contains(exitCode)
        standardOutput = isUnstarted ? "" : outputs.standardOutput
        standardError = isUnstarted ? outputs.standardOutput + outputs.standardError : outputs.standardError
    }
}

/// The two outputs of what runs in a container, from the stream that the engine sends them in: frames of a head of eight
/// bytes (the output's number, three zeroes, the length in network order) and their bytes, which come cut anyhow.
struct ContainerOutputs: Sendable {
    private let limit: Int
    private var head: [UInt8] = []
    /// What is to come of the frame, in bytes.
    private var remaining = 0
    private var isError = false
    private var output: [UInt8] = []
    private var error: [UInt8] = []
    /// Whether more came than is kept.
    private(set) var isCut = false

    /// - Parameter limit: how many bytes of each are kept.
    init(keeping limit: Int) {
        self.limit = limit
    }

    var standardOutput: String { String(decoding: output, as: UTF8.self) }
    var standardError: String { String(decoding: error, as: UTF8.self) }

    mutating func add(_ chunk: [UInt8]) {
        var rest = chunk[...]
        while !rest.isEmpty {
            guard remaining > 0 else {
                let part = rest.prefix(8 - head.count)
                head += part
                rest = rest.dropFirst(part.count)
                guard head.count == 8 else { return }
                isError = head[0] == 2
                remaining = head[4..<8].reduce(0) { $0 << 8 | Int($1) }
                head = []
                continue
            }
            let part = rest.prefix(remaining)
            keep(part)
            remaining -= part.count
            rest = rest.dropFirst(part.count)
        }
    }

    private mutating func keep(_ part: ArraySlice<UInt8>) {
        let room = limit - (isError ? error.count : output.count)
        if part.count > room { isCut = true }
        if isError { error += part.prefix(room) } else { output += part.prefix(room) }
    }
}
