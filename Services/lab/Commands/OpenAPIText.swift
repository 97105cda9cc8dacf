import ArgumentParser
import Foundation
import LabKit

/// `lab openapi`, `lab openapi dns-manager`: what `/openapi.json` answers, without a running lab.
struct OpenAPIText: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the API's description, of the whole lab or of one service.",
        shouldDisplay: false)

    @Argument(help: "Only this service's.", completion: .list(labServices.map { $0.name }))
    var service: String?

    func run() throws {
        let services = try service.map { [try ServiceNames.service($0)] } ?? labServices
        let encoder = JSONText.encoder
        encoder.outputFormatting.insert(.prettyPrinted)
        let document = try encoder.encode(try OpenAPI(of: services).document)
        Terminal.standardOutput.line(String(decoding: document, as: UTF8.self))
    }
}

/// The services as they are named on the command line.
enum ServiceNames {
    /// - Throws: ``CommandFault`` with the names that there are.
    static func service(_ name: String) throws -> any LabService.Type {
        guard let type = labServices.first(where: { $0.name == name }) else {
            throw CommandFault(
                "there is no service “\(name)”",
                remedy: "There are " + labServices.map { $0.name }.joined(separator: ", "), status: 64)
        }
        return type
    }
}
