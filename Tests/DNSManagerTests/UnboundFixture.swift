import LabCore
import LabServers
import LabTesting
import Logging
import NIOCore
import Testing

@testable import DNSManager

extension PrivateServer<UnboundServer> {
    var configuration: String { server.configurationFile }

    func makeResolver() throws -> UnboundResolver {
        try UnboundResolver(
            control: UnboundControl(socketPath: controlSocket),
            configuration: UnboundConfiguration(
                main: configuration, records: recordsFile, checker: "unbound-checkconf"),
            questioner: questioner, logger: Logger(label: "test"))
    }

    var questioner: DNSQuestioner { DNSQuestioner(host: "127.0.0.1", port: port) }

    /// What a client sees, as `TYPE value, …`, or the code where there is nothing.
    func ask(_ name: String, _ type: RecordType) async throws -> String {
        let question = Question(try RecordName(name), type)
        let answer = try await questioner.answer([question])[0].get()
        if answer.code != "NOERROR" { return answer.code }
        let sets = answer.sets.filter { $0.name == question.name }
        return sets.isEmpty
            ? "NODATA" : sets.map { "\($0.type.rawValue) " + $0.values.joined(separator: ", ") }.joined(separator: "; ")
    }

    /// A command as a person would send it with unbound-control.
    @discardableResult
    func control(_ command: String) async throws -> String {
        String(buffer: try await UnboundControl(socketPath: controlSocket).ask(command))
    }
}
