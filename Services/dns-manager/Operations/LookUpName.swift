import LabCore
import LabService

/// `GET /v1/dns/lookup`: what the lab's resolver answers, asked now.
struct LookUpName: Operation {
    struct Input: Codable, Sendable {
        let name: RecordName
        let type: RecordType?
    }

    struct Output: Codable, Sendable {
        struct Records: Codable, Sendable {
            let name: RecordName
            let type: RecordType
            let ttl: Int
            let values: [String]
        }

        /// `NOERROR`, `NXDOMAIN`, …
        let code: String
        let records: [Records]
        let milliseconds: Double
        let server: String
    }

    var declaration: OperationDeclaration {
        OperationDeclaration(
            "dns.lookup", "Asks the lab's resolver for a name, as a client would.", safety: .read, .get,
            "/v1/dns/lookup", phrases: ["look up {name}", "what is the address of {name}?"],
            fields: ["name": "The full name.", "type": "The record type; A unless said otherwise."])
    }

    func run(_ input: Input, _ call: OperationCall) async throws -> Output {
        let questioner = try DNSQuestioner(call.lab.settings)
        let question = Question(input.name, input.type ?? .a)
        guard let result = await questioner.answer([question]).first else {
            throw Problem(.internalFault, title: "The question was not asked", detail: "\(input.name)")
        }
        do {
            let answer = try result.get()
            return Output(
                code: answer.code,
                records: answer.sets.map {
                    Output.Records(name: $0.name, type: $0.type, ttl: $0.ttl, values: $0.values)
                },
                milliseconds: answer.elapsed.milliseconds, server: questioner.server)
        } catch {
            throw Problem(
                .unavailable, title: "The resolver does not answer", detail: error.detail,
                remedy: "See that the resolver is running and that LAB_DNS_SERVER names it")
        }
    }
}
