import ArgumentParser
import FoundationEssentials
import Glibc
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
        Terminal.standardOutput.write(try Self.text(of: services))
    }

    /// The document with a key on each line and in the keys' order, so that a change of it reads well in a diff.
    static func text(of services: [any LabService.Type]) throws -> String {
        let encoder = JSONText.encoder
        encoder.outputFormatting.insert(.prettyPrinted)
        return String(decoding: try encoder.encode(try OpenAPI(of: services).document), as: UTF8.self) + "\n"
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
