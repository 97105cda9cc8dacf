import LabCore
import LabState
import Testing

@testable import LabService

@Suite("Schemas of operations")
struct SchemaTests {
    @Test("the schema of an input says every field, its type and whether it must be there")
    func recorded() throws {
        let schema = try PutResource<Lamp>().inputSchema()
        #expect(schema.properties.map(\.name) == ["name", "generation", "body"])
        let body = try #require(schema.property("body"))
        #expect(body.properties.map(\.name) == ["isOn", "colour", "host"])
        #expect(body.properties.map(\.isRequired) == [true, false, false])
        #expect(body.property("isOn")?.summary == "Whether it should be lit.")
        #expect(body.property("colour")?.document["enum"] == ["warm", "cold", nil])
        #expect(body.property("host")?.document["format"] == "hostname")
    }

    @Test(
        "a value that does not fit is refused with its pointer and a remedy",
        arguments: [
            (#"{"name":"a","body":{}}"#, "/body/isOn", "missing"),
            (#"{"name":"a","body":{"isOn":"yes"}}"#, "/body/isOn", "a string"),
            (#"{"name":"a","body":{"isOn":true,"colour":"red"}}"#, "/body/colour", "not one of"),
            (#"{"name":"a","body":{"isOn":true,"color":"warm"}}"#, "/body/color", "not known"),
            (#"{"name":"a","body":[]}"#, "/body", "an array"),
            (#"{"name":"a","body":null}"#, "/body", "null"),
            (#"{"name":"a","generation":"x","body":{"isOn":true}}"#, "/generation", "a string"),
        ])
    func faults(document: String, pointer: String, detail: String) throws {
        let schema = try PutResource<Lamp>().inputSchema()
        let faults = schema.faults(in: try JSONText(trusted: document).decode(JSONValue.self))
        let fault = try #require(faults.first)
        #expect(fault.pointer == pointer)
        #expect(fault.detail.contains(detail))
        #expect(!fault.remedy.isEmpty)
    }

    @Test("a misspelt field is answered with the one that was meant")
    func suggestion() throws {
        let schema = try PutResource<Lamp>().inputSchema()
        let value = try JSONText(trusted: #"{"name":"a","body":{"isOn":true,"color":"warm"}}"#).decode(JSONValue.self)
        #expect(schema.faults(in: value).first?.remedy == "Did you mean “colour”?")
    }

    @Test("documentation of a field that does not exist is found", arguments: [Lamp.resourceOperations])
    func documentedFieldsExist(operations: [any Operation]) throws {
        for operation in operations {
            let schema = try operation.inputSchema()
            for pointer in operation.declaration.fields.keys {
                var found: JSONSchema? = schema
                for part in pointer.split(separator: "/") { found = found?.property(String(part)) }
                #expect(found != nil, "\(operation.declaration.name) documents \(pointer)")
            }
        }
    }
}
