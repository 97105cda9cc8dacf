import LabCore
import LabDNSClient

/// The lab's resolver, asked over DNS; nothing is kept, so a record counts from the moment at which it is answered.
struct LabResolver: NameLookup {
    let client: DNSClient
    /// The family that the proxy is declared in: the other one need not be asked for.
    let family: DNSRecordType

    init(_ server: ServerAddress, proxy: IPLiteral) {
        client = DNSClient(server: server.address.text, port: server.port)
        family = proxy.isVersion6 ? .aaaa : .a
    }

    func addresses(of host: Hostname) async throws -> [IPLiteral] {
        try await client.ask(RecordName(host), family, timeout: .seconds(2)).records.compactMap { record in
            switch record.value {
            case .a(let text), .aaaa(let text): IPLiteral(text)
            default: nil
            }
        }
    }
}
